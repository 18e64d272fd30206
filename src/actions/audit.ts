import type { Target } from '../core/model/index.js';
import type { Clock, Ids, Transaction } from '../core/ports.js';

/** In the transaction that makes the change, so that neither is there without the other. */
export async function noteChange(
  tx: Pick<Transaction, 'audit'>,
  change: {
    workspaceUuid: string;
    repositoryId: string | null;
    by: { name: string };
    /** Follows the name: "removed the target Production". */
    says: string;
  },
  { clock, ids }: { clock: Clock; ids: Pick<Ids, 'next'> },
): Promise<void> {
  const { workspaceUuid, repositoryId, by, says } = change;
  const entry = { id: ids.next(), workspaceUuid, repositoryId, by: by.name, says, at: clock() };
  await tx.audit.add(entry);
}

/** The same for a change to a target. */
export async function noteTargetChange(
  tx: Pick<Transaction, 'audit' | 'repositories'>,
  target: Pick<Target, 'repositoryId'>,
  by: { name: string },
  says: string,
  deps: { clock: Clock; ids: Ids },
): Promise<void> {
  const repository = await tx.repositories.byId(target.repositoryId);
  if (!repository) return;
  const { id: repositoryId, workspaceUuid, fullName } = repository;
  await noteChange(tx, { workspaceUuid, repositoryId, by, says: `${says} (${fullName})` }, deps);
}

const words = {
  name: 'name',
  branchPattern: 'branches',
  tagPattern: 'tags',
  includePaths: 'files that count',
  excludePaths: 'files that do not',
  honourSkipMarkers: 'skip markers',
  afterTargetId: 'what it waits for',
  promote: 'who lets it go on',
  connectionId: 'connection',
} as const satisfies Partial<Record<keyof Target, string>>;

type Edited = Pick<Target, keyof typeof words | 'settings'>;

/** "branches, buildCommand": what an edit changed, values left out; secrets are known by their names alone. */
export function changedParts(
  before: Edited,
  after: Edited,
  secrets: { before: Readonly<Record<string, unknown>>; after: Readonly<Record<string, unknown>> },
): string {
  // Cast: the keys of `words` are its own.
  const fields = (Object.keys(words) as (keyof typeof words)[])
    .filter((field) => before[field] !== after[field])
    .map((field) => words[field]);
  return [
    ...fields,
    ...differing(before.settings, after.settings),
    ...differing(secrets.before, secrets.after),
  ].join(', ');
}

function differing(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}
