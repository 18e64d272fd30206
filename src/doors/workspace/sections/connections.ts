import type { Backend } from '../../../core/backend.js';
import { InputError, StateError } from '../../../core/errors.js';
import type { Connection } from '../../../core/model/index.js';
import type { Reader } from '../../../core/ports.js';
import { textOf, underPrefix, type FormFields } from '../../panel/form-fields.js';
import { emptyField, schemaFields, type FieldView } from '../../panel/view/settings-fields.js';
import { timeView, type TimeView } from '../../panel/view/time.js';
import type { SectionDone, WorkspaceContext, WorkspaceSection } from '../section.js';

export interface ConnectionsDeps {
  read: Reader;
  backends: readonly Backend[];
  connections: ConnectionServices;
}

/** Fulfilled by `actions/`. */
export interface ConnectionServices {
  /** Throws `InputError` with `fields`, or `StateError('connection_changed')`. */
  save(input: {
    connectionId: string | null;
    expectedVersion: number;
    workspaceUuid: string;
    backend: string;
    name: string;
    settings: Record<string, string>;
    by: { name: string };
  }): Promise<Connection>;
  test(input: ConnectionAct): Promise<{ ok: boolean; says: string }>;
  /** Throws `StateError('connection_used')` with the names of its users. */
  remove(input: ConnectionAct): Promise<void>;
}

interface ConnectionAct {
  connectionId: string;
  workspaceUuid: string;
  by: { name: string };
}

/** What was wrong with a form that is drawn again; as long as the request lives. */
const problemsOf = new WeakMap<FormFields, Readonly<Record<string, string>>>();

/** Forms of connections that somebody else saved meanwhile. */
const conflicts = new WeakSet<FormFields>();

/** The workspace's accounts at deploy backends. */
export function connectionsSection(deps: ConnectionsDeps): WorkspaceSection {
  return {
    key: 'connections',
    title: 'Connections',
    help: 'Accounts at deploy backends. Repositories of this workspace deploy with them; their admins choose one, and never see its credential.',
    adminOnly: true,
    load: (context, fields) => load(deps, context, fields),
    actions: {
      save: (context, fields) => save(deps, context, fields),
      test: (context, fields) => test(deps, context, fields),
      remove: (context, fields) => remove(deps, context, fields),
    },
  };
}

interface ConnectionRow {
  id: string;
  name: string;
  backend: string;
  isBroken: boolean;
  why: string | null;
  since: TimeView | null;
  account: string | null;
  tested: TimeView;
  used: TimeView | null;
  expires: TimeView | null;
  createdBy: string;
  users: string[];
  backendOff: boolean;
}

async function load(
  deps: ConnectionsDeps,
  context: WorkspaceContext,
  fields: FormFields,
): Promise<object> {
  const all = await deps.read.connections.ofWorkspace(context.workspace.uuid);
  const rows = await Promise.all(all.map((one) => rowOf(deps, one, context.now)));
  const offered = deps.backends.filter(({ account }) => account !== undefined);
  const form = formOf(offered, all, fields);
  const choices = offered.map(({ id, label }) => ({ id, label }));
  return { rows, choices: form === null ? choices : [], form, hasNone: rows.length === 0 };
}

async function rowOf(
  { read, backends }: ConnectionsDeps,
  connection: Connection,
  now: number,
): Promise<ConnectionRow> {
  const { brokenSince, lastUsedAt, expiresAt } = connection;
  const backend = backends.find(({ id }) => id === connection.backend);
  const targets = await read.targets.usingConnection(connection.id);
  const users = targets.map(async ({ name, repositoryId }) => {
    const repository = await read.repositories.byId(repositoryId);
    return `${name} of ${repository?.fullName ?? 'a repository'}`;
  });
  return {
    id: connection.id,
    name: connection.name,
    backend: backend?.label ?? connection.backend,
    backendOff: backend === undefined,
    isBroken: connection.state === 'broken',
    why: connection.brokenReason,
    since: brokenSince === null ? null : timeView(brokenSince, now),
    account: connection.account,
    tested: timeView(connection.testedAt, now),
    used: lastUsedAt === null ? null : timeView(lastUsedAt, now),
    expires: expiresAt === null ? null : timeView(expiresAt, now),
    createdBy: connection.createdBy,
    users: await Promise.all(users),
  };
}

interface FormView {
  connectionId: string;
  version: number;
  backend: { id: string; label: string };
  help: string;
  title: string;
  fields: FieldView[];
  /** What has no field of its own to stand at. */
  problem: string | null;
  /** Where their version is to be had; null: nobody else saved it. */
  theirs: string | null;
}

/** `edit=<id>` or `backend=<id>` opens it; so does what was typed into it. */
function formOf(
  offered: readonly Backend[],
  all: readonly Connection[],
  fields: FormFields,
): FormView | null {
  const id = textOf(fields, 'edit') || textOf(fields, 'connectionId');
  const existing = all.find((one) => one.id === id) ?? null;
  const backend = offered.find(
    (one) => one.id === (existing?.backend ?? textOf(fields, 'backend')),
  );
  if (!backend?.account) return null;
  const isTyped = fields.has('name');
  const problems = problemsOf.get(fields) ?? {};
  const typed = isTyped ? fields : null;
  const name: FieldView = {
    ...emptyField,
    ...{ name: 'name', id: 'connection-name', label: 'Name', required: true, maxLength: 60 },
    help: 'Shown where a target chooses it: the team or person whose account it is.',
    value: isTyped ? textOf(fields, 'name') : (existing?.name ?? ''),
    error: problems['name'] ?? null,
  };
  const own = schemaFields(backend.account.settings, {
    idPrefix: 'connection',
    stored: existing?.settings ?? {},
    hasStoredSecrets: existing !== null,
    typed,
    errors: problems,
    canClear: false,
  });
  return {
    connectionId: existing?.id ?? '',
    version: isTyped ? Number(textOf(fields, 'expectedVersion')) : (existing?.version ?? 0),
    backend: { id: backend.id, label: backend.label },
    help: backend.account.help,
    title: existing === null ? `Connect ${backend.label}` : `Change or repair ${existing.name}`,
    fields: [name, ...own],
    problem: problems['form'] ?? null,
    theirs:
      existing !== null && conflicts.has(fields)
        ? `/panel/workspace/sections/connections?edit=${existing.id}`
        : null,
  };
}

async function save(
  deps: ConnectionsDeps,
  context: WorkspaceContext,
  fields: FormFields,
): Promise<SectionDone> {
  try {
    const saved = await deps.connections.save({
      connectionId: textOf(fields, 'connectionId') || null,
      expectedVersion: Number.parseInt(textOf(fields, 'expectedVersion'), 10) || 0,
      workspaceUuid: context.workspace.uuid,
      backend: textOf(fields, 'backend'),
      name: textOf(fields, 'name'),
      settings: Object.fromEntries(underPrefix(fields, 'settings.')),
      by: context.by,
    });
    return {
      says: `${saved.name} is connected.`,
      advice: 'Repositories of this workspace can deploy with it now.',
    };
  } catch (error) {
    if (error instanceof InputError) problemsOf.set(fields, error.fields);
    if (error instanceof StateError && error.code === 'connection_changed') conflicts.add(fields);
    throw error;
  }
}

async function test(
  deps: ConnectionsDeps,
  context: WorkspaceContext,
  fields: FormFields,
): Promise<SectionDone> {
  const connectionId = textOf(fields, 'id');
  const workspaceUuid = context.workspace.uuid;
  const tested = await deps.connections.test({ connectionId, workspaceUuid, by: context.by });
  if (!tested.ok) throw new InputError('connection_invalid', tested.says);
  return { says: tested.says };
}

async function remove(
  deps: ConnectionsDeps,
  context: WorkspaceContext,
  fields: FormFields,
): Promise<SectionDone> {
  const connectionId = textOf(fields, 'id');
  const workspaceUuid = context.workspace.uuid;
  await deps.connections.remove({ connectionId, workspaceUuid, by: context.by });
  return { says: 'The connection and its credential were deleted.' };
}
