import { InputError } from '../core/errors.js';
import type {
  HookEvent,
  Person,
  RefChange,
  RefChangeKind,
  RepositoryFacts,
} from '../core/model/index.js';
import {
  readActorShape,
  readChangeShape,
  readPush,
  readRepositoryShape,
  type AuthorShape,
  type ChangeShape,
  type RefShape,
  type RepositoryShape,
} from './payload-shapes.js';

/**
 * Where Bitbucket's words end: a webhook body becomes a `HookEvent`. Pure. Every entry of `push.changes` is one ref
 * change; Bitbucket's own `commits` list is not read, because it is cut, and is the whole history on a new branch
 * (reference/bitbucket-api.md §5.5).
 *
 * @param eventKey as in `X-Event-Key`, for example `repo:push`
 * @param payload the parsed body, without Connect's `{event, data}` wrapper (see `unwrapDelivery`)
 * @throws InputError `body_unreadable`, naming the field, when a body we need cannot be read
 */
export function parsePayload(eventKey: string, payload: unknown): HookEvent {
  const kind = kinds.get(eventKey);
  if (kind === undefined) return { kind: 'ignored', noop: 'event_not_ours' };
  const body = asObject(payload);
  if (kind !== 'push') return { kind, repository: readRepository(body), actor: readActor(body) };

  const entries = readChanges(body['push']);
  if (entries.length === 0) return { kind: 'ignored', noop: 'no_changes' };
  const changes = entries.map(readChange).filter((change) => change !== null);
  if (changes.length === 0) throw unreadable('no entry of push.changes names a branch or tag');
  return { kind, repository: readRepository(body), actor: readActor(body), changes };
}

const kinds: ReadonlyMap<string, Exclude<HookEvent['kind'], 'ignored'>> = new Map([
  ['repo:push', 'push'],
  ['repo:updated', 'repository_updated'],
  ['repo:transfer', 'repository_transferred'],
  ['repo:deleted', 'repository_deleted'],
] as const);

/** Top level of a body. @throws InputError `body_unreadable` when it is not JSON or not an object */
export function parseJsonObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // The parser's own message quotes the body, which may be private.
    throw unreadable('not JSON');
  }
  return asObject(value);
}

export interface UnwrappedDelivery {
  /** The wrapper's own word; null for a bare body. */
  event: string | null;
  payload: Record<string, unknown>;
}

/**
 * Connect's descriptor webhooks arrive as `{"event": "repo:push", "data": {…}}`, older ones and API-made hooks arrive
 * bare (reference/bitbucket-connect.md §6.3).
 */
export function unwrapDelivery(body: Record<string, unknown>): UnwrappedDelivery {
  const { event, data } = body;
  if (typeof event === 'string' && isObject(data)) return { event, payload: data };
  return { event: null, payload: body };
}

/** Entries of `push.changes`, unread. @throws InputError `body_unreadable` */
export function readChanges(push: unknown): unknown[] {
  const changes = readPush(push);
  if (changes) return changes;
  throw unreadable(isObject(push) ? 'push.changes is not a list' : 'push is missing');
}

/** One entry; null when it names no ref at all, so that it cannot spoil the others of its push. */
export function readChange(entry: unknown): RefChange | null {
  const change = readChangeShape(entry);
  if (!change) return null;
  const before = presentRef(change.old);
  const after = presentRef(change.new);
  const name = after?.name ?? before?.name;
  if (!name) return null;
  return {
    // A ref without a type cannot be routed; it is recorded under a word that no rule knows.
    refType: after?.type ?? before?.type ?? 'unknown',
    name,
    from: before?.target?.hash ?? null,
    to: after?.target?.hash ?? null,
    kind: kindOf(before, after, change.forced === true),
    message: after?.target?.message ?? null,
    author: authorName(after?.target?.author),
  };
}

/** Null and missing mean "no such ref"; so does `{}`, which Bitbucket sends where it has nothing to say. */
function presentRef(ref: ChangeShape['new']): RefShape | null {
  return ref && (ref.name || ref.target) ? ref : null;
}

function kindOf(before: RefShape | null, after: RefShape | null, forced: boolean): RefChangeKind {
  // `created` and `closed` say the same, but cut-down and old payloads lack them; null never lies.
  if (!before) return 'create';
  if (!after) return 'delete';
  return forced ? 'force' : 'update';
}

function authorName(author: AuthorShape | null | undefined): string | null {
  if (!author) return null;
  const name = author.user?.display_name ?? author.display_name ?? withoutMail(author.raw);
  return name || author.user?.nickname || author.nickname || null;
}

/** `Sam Dev <sam@example.com>` → `Sam Dev`: a mail address is nobody's display name. */
export function withoutMail(raw: string | null | undefined): string | null {
  if (!raw) return null;
  return raw.replace(/\s*<[^>]*>\s*$/, '').trim() || null;
}

function readRepository(body: Record<string, unknown>): RepositoryFacts {
  const repository = readRepositoryShape(body['repository']);
  if (!repository) throw unreadable('repository.uuid is missing');
  return {
    uuid: repository.uuid,
    ...workspaceFacts(repository),
    fullName: repository.full_name ?? null,
    name: repository.name ?? null,
    isPrivate: repository.is_private ?? null,
    // Webhooks carry the short form of a repository, without main branch: absent must not overwrite what is stored.
    ...(repository.mainbranch?.name ? { mainBranch: repository.mainbranch.name } : {}),
  };
}

function workspaceFacts(
  repository: RepositoryShape,
): Pick<RepositoryFacts, 'workspaceUuid' | 'workspaceSlug' | 'workspaceName'> {
  const { workspace, owner } = repository;
  const slugOfPath = repository.full_name?.includes('/') ? repository.full_name.split('/')[0] : '';
  return {
    workspaceUuid: workspace?.uuid || owner?.uuid || null,
    workspaceSlug: workspace?.slug || slugOfPath || null,
    workspaceName: workspace?.name || null,
  };
}

function readActor(body: Record<string, unknown>): Person | null {
  const actor = readActorShape(body['actor']);
  if (!actor) return null;
  const name = actor.display_name || actor.nickname || actor.username;
  if (!name && !actor.uuid) return null;
  return { uuid: actor.uuid ?? null, name: name || null };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asObject(value: unknown): Record<string, unknown> {
  if (!isObject(value)) throw unreadable('not a JSON object');
  return value;
}

function unreadable(detail: string): InputError {
  return new InputError('body_unreadable', detail);
}
