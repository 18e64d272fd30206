import { InputError } from '../../../core/errors.js';
import type { WorkspaceCredential, WorkspaceCredentialKind } from '../../../core/model/index.js';
import type { Reader } from '../../../core/ports.js';
import { textOf, type FormFields } from '../../panel/form-fields.js';
import { emptyField, type FieldView } from '../../panel/view/settings-fields.js';
import { timeView, type TimeView } from '../../panel/view/time.js';
import type { SectionDone, WorkspaceContext, WorkspaceSection } from '../section.js';

export interface CredentialsDeps {
  read: Reader;
  credentials: CredentialServices;
}

/** Fulfilled by `actions/`. */
export interface CredentialServices {
  /** Throws `InputError` (`credential_invalid`) with `fields` `clientId` and `secret`. */
  save(input: {
    workspaceUuid: string;
    kind: WorkspaceCredentialKind;
    repositoryUuid: string | null;
    clientId: string;
    secret: string;
    endsAt: number | null;
    by: { name: string };
  }): Promise<WorkspaceCredential>;
  remove(input: { workspaceUuid: string; id: string; by: { name: string } }): Promise<void>;
}

/** What was wrong with a form that is drawn again; as long as the request lives. */
const problemsOf = new WeakMap<FormFields, Readonly<Record<string, string>>>();

/** Credentials that belong to the workspace, so that no deploy depends on somebody being there. */
export function credentialsSection(deps: CredentialsDeps): WorkspaceSection {
  return {
    key: 'credentials',
    title: 'Credentials',
    help: 'How Slipway reads repositories when the app itself may not. They belong to the workspace, so deploys go on when a colleague leaves.',
    adminOnly: true,
    load: (context, fields) => load(deps, context, fields),
    actions: {
      save: (context, fields) => save(deps, context, fields),
      remove: (context, fields) => remove(deps, context, fields),
    },
  };
}

const kinds: Record<WorkspaceCredentialKind, { label: string; steps: readonly string[] }> = {
  consumer: {
    label: 'OAuth consumer of the workspace',
    steps: [
      'In Bitbucket, open Workspace settings → OAuth consumers → Add consumer.',
      'Tick “This is a private consumer”, and the permission Repositories: Read. Nothing else is needed.',
      'A callback URL must be given, but is not used: the address of your website will do.',
      'Save, open the consumer in the list, and copy its key and its secret here.',
    ],
  },
  access_token: {
    label: 'Access token',
    steps: [
      'In Bitbucket, open Workspace settings → Access tokens, or Repository settings → Access tokens for one repository alone.',
      'Create a token with the permission Repositories: Read, and note when it expires.',
      'Copy it here at once: Bitbucket shows it a single time.',
    ],
  },
};

interface CredentialRow {
  id: string;
  kind: WorkspaceCredentialKind;
  name: string;
  serves: string;
  isBroken: boolean;
  why: string | null;
  scopes: string | null;
  expires: TimeView | null;
  changed: TimeView;
  createdBy: string;
}

async function load(
  { read }: CredentialsDeps,
  context: WorkspaceContext,
  fields: FormFields,
): Promise<object> {
  const all = await read.workspaceCredentials.ofWorkspace(context.workspace.uuid);
  const rows = await Promise.all(all.map((one) => rowOf(read, one, context.now)));
  const form = formOf(all, fields);
  const choices =
    form === null ? Object.entries(kinds).map(([id, { label }]) => ({ id, label })) : [];
  return { rows, hasNone: rows.length === 0, form, choices };
}

async function rowOf(read: Reader, one: WorkspaceCredential, now: number): Promise<CredentialRow> {
  const repository = one.serves === 'workspace' ? null : await read.repositories.byUuid(one.serves);
  return {
    id: one.id,
    kind: one.kind,
    name: kinds[one.kind].label,
    serves:
      one.serves === 'workspace' ? 'the whole workspace' : (repository?.fullName ?? one.serves),
    isBroken: one.state === 'broken',
    why: one.brokenReason,
    scopes: one.scopes,
    expires: one.endsAt === null ? null : timeView(one.endsAt, now),
    changed: timeView(one.updatedAt, now),
    createdBy: one.createdBy,
  };
}

/** `kind=` opens it; so does what was typed into it. */
function formOf(all: readonly WorkspaceCredential[], fields: FormFields) {
  const kind = kindOf(fields);
  if (kind === null) return null;
  const problems = problemsOf.get(fields) ?? {};
  const serves = textOf(fields, 'repository') || 'workspace';
  const stored = all.find((one) => one.kind === kind && one.serves === serves) ?? null;
  const isConsumer = kind === 'consumer';
  return {
    kind,
    title: kinds[kind].label,
    steps: kinds[kind].steps,
    isReplacing: stored !== null,
    fields: [
      ...(isConsumer ? [keyField(fields, stored, problems)] : []),
      secretField(isConsumer, stored !== null, problems),
      ...(isConsumer ? [] : [repositoryField(fields, problems), endField(fields, problems)]),
    ],
  };
}

type Problems = Readonly<Record<string, string>>;

function keyField(
  fields: FormFields,
  stored: WorkspaceCredential | null,
  problems: Problems,
): FieldView {
  return {
    ...emptyField,
    ...{ name: 'clientId', id: 'credential-key', label: 'Key', required: true, isCode: true },
    value: fields.get('clientId') ?? stored?.clientId ?? '',
    error: problems['clientId'] ?? null,
  };
}

function secretField(isConsumer: boolean, stored: boolean, problems: Problems): FieldView {
  return {
    ...emptyField,
    ...{ name: 'secret', id: 'credential-secret', kind: 'password', isCode: true },
    label: isConsumer ? 'Secret' : 'Token',
    required: !stored,
    secret: true,
    stored,
    error: problems['secret'] ?? null,
  };
}

function repositoryField(fields: FormFields, problems: Problems): FieldView {
  return {
    ...emptyField,
    ...{ name: 'repository', id: 'credential-repository', label: 'Repository' },
    help: 'For a repository’s own token: its name, like team/shop. Empty for a token of the whole workspace.',
    value: textOf(fields, 'repository'),
    error: problems['repository'] ?? null,
  };
}

function endField(fields: FormFields, problems: Problems): FieldView {
  return {
    ...emptyField,
    ...{ name: 'endsOn', id: 'credential-ends', label: 'Expires on', placeholder: '2027-03-31' },
    help: 'Year-month-day, as Bitbucket shows it. You are told 30, 7 and 1 days before.',
    value: textOf(fields, 'endsOn'),
    error: problems['endsOn'] ?? null,
  };
}

async function save(
  deps: CredentialsDeps,
  context: WorkspaceContext,
  fields: FormFields,
): Promise<SectionDone> {
  const kind = kindOf(fields);
  if (kind === null) throw new InputError('credential_invalid');
  try {
    const workspaceUuid = context.workspace.uuid;
    await deps.credentials.save({
      ...{ workspaceUuid, kind, by: context.by },
      repositoryUuid: await repositoryOf(deps.read, workspaceUuid, fields),
      clientId: textOf(fields, 'clientId'),
      secret: textOf(fields, 'secret'),
      endsAt: endOf(fields),
    });
  } catch (error) {
    if (error instanceof InputError) problemsOf.set(fields, error.fields);
    throw error;
  }
  return {
    says: 'Bitbucket accepted it, and it is stored.',
    advice: 'What waited for a credential goes on now.',
  };
}

async function remove(
  deps: CredentialsDeps,
  context: WorkspaceContext,
  fields: FormFields,
): Promise<SectionDone> {
  await deps.credentials.remove({
    workspaceUuid: context.workspace.uuid,
    id: textOf(fields, 'id'),
    by: context.by,
  });
  return {
    says: 'The credential was deleted here.',
    advice: 'In Bitbucket it is still valid until you delete it there.',
  };
}

function kindOf(fields: FormFields): WorkspaceCredentialKind | null {
  const kind = textOf(fields, 'kind');
  return kind === 'consumer' || kind === 'access_token' ? kind : null;
}

async function repositoryOf(
  read: Reader,
  workspaceUuid: string,
  fields: FormFields,
): Promise<string | null> {
  const name = textOf(fields, 'repository').toLowerCase();
  if (name === '') return null;
  const all = await read.repositories.ofWorkspace(workspaceUuid);
  const found = all.find(({ fullName }) => fullName.toLowerCase() === name);
  if (found) return found.uuid;
  throw new InputError('credential_invalid', undefined, {
    repository:
      'Slipway does not know this repository yet. Open its panel once, or check the name.',
  });
}

function endOf(fields: FormFields): number | null {
  const text = textOf(fields, 'endsOn');
  if (text === '') return null;
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new InputError('credential_invalid', undefined, {
    endsOn: 'Write it as year-month-day: 2027-03-31.',
  });
}
