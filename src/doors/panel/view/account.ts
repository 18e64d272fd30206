import type { Backend, TargetChoice } from '../../../core/backend.js';
import type { AccountFacts } from '../load-account.js';
import type { FieldView } from './settings-fields.js';

export interface AccountView {
  key: string;
  backendLabel: string;
  connections: { id: string; name: string; note: string | null; checked: boolean; path: string }[];
  error: string | null;
  listed: ListedView | null;
  /** Offers to make something new; the part of the page that asks for more. */
  creationPath: string | null;
  creationLabel: string;
}

export interface ListedView {
  label: string;
  help: string | null;
  name: string;
  choices: ChoiceView[];
  /** Why there is no list; then its value is typed. */
  problem: string | null;
  field: FieldView;
  morePath: string | null;
  firstPath: string | null;
  error: string | null;
}

interface ChoiceView {
  id: string;
  label: string;
  parts: string[];
  note: string | null;
  checked: boolean;
}

interface Around {
  key: string;
  targetId: string;
  backend: Backend;
  repository: string;
  /** The field marked `listed`. */
  field: FieldView | null;
  error: string | null;
}

export function accountView(facts: AccountFacts, around: Around): AccountView {
  const { key, backend } = around;
  const base = { targetId: around.targetId, backend: backend.id };
  const path = (more: Record<string, string>): string =>
    `/panel/fragments/settings?${new URLSearchParams({ ...base, ...more }).toString()}`;
  const { creation } = backend.account ?? {};
  const canCreate = creation !== undefined && facts.chosenId !== null && around.targetId === '';
  const query = new URLSearchParams({ ...base, connectionId: facts.chosenId ?? '' }).toString();
  return {
    key,
    backendLabel: backend.label,
    connections: facts.connections.map((one) => ({
      id: one.id,
      name: one.name,
      note: one.state === 'broken' ? 'broken: a workspace admin has to repair it' : one.account,
      checked: one.id === facts.chosenId,
      path: path({ connectionId: one.id }),
    })),
    error: around.error,
    listed: around.field === null ? null : listedView(facts, around, around.field, path),
    creationPath: canCreate ? `/panel/fragments/creation?${query}` : null,
    creationLabel: creation?.label ?? '',
  };
}

function listedView(
  { listing, chosenId, cursor }: AccountFacts,
  { repository }: Around,
  field: FieldView,
  path: (more: Record<string, string>) => string,
): ListedView | null {
  if (listing === null) return null;
  const connectionId = chosenId ?? '';
  const choices = listing.ok ? listing.choices : [];
  const shown = [...choices].sort((one, other) => rank(one, repository) - rank(other, repository));
  const isShown = field.value === '' || shown.some(({ id }) => id === field.value);
  const stored = isShown ? [] : [{ ...unknownChoice, id: field.value }];
  return {
    label: field.label,
    help: field.help,
    name: field.name,
    choices: [...stored, ...shown].map((choice) => ({
      id: choice.id,
      label: choice.label,
      parts: choice.parts,
      note: noteOn(choice, repository),
      checked: choice.id === field.value,
    })),
    problem: listing.ok ? null : listing.reason,
    field,
    morePath: listing.ok && listing.next ? path({ connectionId, cursor: listing.next }) : null,
    firstPath: cursor === null ? null : path({ connectionId }),
    error: field.error,
  };
}

const unknownChoice: TargetChoice = {
  ...{ id: '', label: 'The one chosen before', parts: [] },
  ...{ repository: null, branch: null, url: null },
};

function isFrom({ repository }: TargetChoice, wanted: string): boolean {
  return repository?.toLowerCase() === wanted.toLowerCase();
}

function rank(choice: TargetChoice, repository: string): number {
  return isFrom(choice, repository) ? 0 : 1;
}

function noteOn(choice: TargetChoice, repository: string): string | null {
  if (choice.parts.length === 0) return null;
  if (!isFrom(choice, repository)) return 'Not built from this repository.';
  return choice.branch === null ? null : `Builds the branch ${choice.branch} of this repository.`;
}
