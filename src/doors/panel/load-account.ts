import type { TargetListing } from '../../core/backend.js';
import type { Connection } from '../../core/model/index.js';
import type { PanelContext } from './context.js';
import { textOf, type FormFields } from './form-fields.js';
import { chosenBackend, type FormFacts } from './view/target-form.js';

/** The connections a form can choose among, and what the chosen one lists. */
export interface AccountFacts {
  connections: readonly Connection[];
  chosenId: string | null;
  cursor: string | null;
  /** Null: none is chosen, or the backend lists nothing. */
  listing: TargetListing | null;
}

/** Adds what a form of a backend with accounts has to show. `fields`: what was asked for, or typed. */
export async function withAccount(
  context: PanelContext,
  facts: FormFacts,
  fields: FormFields,
): Promise<FormFacts> {
  const backend = chosenBackend(facts);
  if (!backend?.account) return facts;
  const { services, repository } = context;
  const { workspaceUuid } = repository;
  const all = await services.read.connections.ofWorkspace(workspaceUuid);
  const connections = all.filter((one) => one.backend === backend.id);
  const wanted = textOf(fields, 'connectionId') || facts.target?.connectionId;
  // With one there is nothing to choose.
  const only = connections.length === 1 ? connections[0] : undefined;
  const chosen = connections.find(({ id }) => id === wanted) ?? only ?? null;
  const cursor = textOf(fields, 'cursor') || null;
  const listing =
    chosen === null || !backend.account.listTargets
      ? null
      : await services.listTargets({ connectionId: chosen.id, workspaceUuid, cursor });
  return { ...facts, account: { connections, chosenId: chosen?.id ?? null, cursor, listing } };
}
