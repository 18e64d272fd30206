import { z } from 'zod';
import { InputError } from '../core/errors.js';
import type { HookEvent, RefChange, RefChangeKind, RepositoryFacts } from '../core/model/index.js';
import { bareUuid } from '../lib/same-uuid.js';
import { isObject } from './payload.js';

/** The Forge event that a push raises; one ref per event (reference/bitbucket-forge.md §2.3). */
export const forgePushEvent = 'avi:bitbucket:push:repository';

const text = z.string().nullish().catch(null);
const flag = z.boolean().nullish().catch(null);
const messageShape = z.object({ value: text }).nullish().catch(null);

const forgePushShape = z.object({
  ref: z.string().min(1),
  /** Branches have this and `commits`, tags have neither; nothing else tells them apart. */
  mainbranch: z.unknown().optional(),
  commits: z.unknown().optional(),
  before: text,
  after: text,
  created: flag,
  closed: flag,
  forced: flag,
  /** Annotated tags only. */
  message: messageShape,
});

/** What the events of repositories have in common (§2.2): ids only. */
const forgeEventShape = z.object({
  eventType: z.string().min(1),
  timestamp: text,
  retryContext: z
    .object({ retryCount: z.number().nonnegative().catch(0) })
    .nullish()
    .catch(null),
  repository: z.object({ uuid: text }).nullish().catch(null),
  workspace: z.object({ uuid: text }).nullish().catch(null),
  actor: z.object({ uuid: text }).nullish().catch(null),
  push: z.unknown().optional(),
});

const commitShape = z.object({ hash: text, message: messageShape });

type ForgePush = z.infer<typeof forgePushShape>;

export interface ForgeEvent {
  eventType: string;
  /** When it happened, as sent; null before it was part of events. */
  timestamp: string | null;
  /** 0 for the first try. */
  retryCount: number;
  /** What it tells, but for the time: the same for a resend. */
  identity: string;
  event: HookEvent & { repository?: RepositoryFacts };
}

/** Flat, or under `payload`: which one remotes get is not established (§3.2). */
export function unwrapForgeBody(body: Record<string, unknown>): Record<string, unknown> {
  const inner = body['payload'];
  if (!isObject(inner) || body['push'] !== undefined) return body;
  const outer = { eventType: body['eventType'], retryContext: body['retryContext'] };
  return { ...outer, ...inner };
}

/**
 * An event of a repository, in the shape all doors share. The actor has no name over there, only an id.
 *
 * @throws InputError `body_unreadable`, naming the field
 */
export function parseForgeEvent(body: Record<string, unknown>): ForgeEvent {
  const parsed = forgeEventShape.safeParse(body);
  if (!parsed.success) throw unreadable('eventType is missing');
  const { eventType, timestamp, retryContext } = parsed.data;
  const repository = repositoryFacts(parsed.data);
  const { actor: told } = parsed.data;
  const actor = told?.uuid ? { uuid: withBraces(told.uuid), name: null } : null;
  const common = {
    eventType,
    timestamp: timestamp || null,
    retryCount: retryContext?.retryCount ?? 0,
  };
  const kind = kinds.get(eventType);
  if (kind === undefined) {
    const event = { kind: 'ignored', noop: 'event_not_ours' } as const;
    return { ...common, identity: '', event };
  }
  if (!repository) throw unreadable('repository.uuid is missing');
  if (kind !== 'push') {
    const identity = JSON.stringify([eventType, repository.uuid]);
    return { ...common, identity, event: { kind, repository, actor } };
  }
  const change = readForgePush(parsed.data.push);
  if (!change) throw unreadable('push.ref is missing');
  const { refType, name, from, to } = change;
  const identity = JSON.stringify([eventType, repository.uuid, refType, name, from, to]);
  return { ...common, identity, event: { kind, repository, actor, changes: [change] } };
}

const kinds: ReadonlyMap<string, Exclude<HookEvent['kind'], 'ignored'>> = new Map([
  [forgePushEvent, 'push'],
  ['avi:bitbucket:updated:repository', 'repository_updated'],
  ['avi:bitbucket:deleted:repository', 'repository_deleted'],
] as const);

function repositoryFacts({
  repository,
  workspace,
}: z.infer<typeof forgeEventShape>): RepositoryFacts | null {
  if (!repository?.uuid) return null;
  return {
    uuid: withBraces(repository.uuid),
    workspaceUuid: workspace?.uuid ? withBraces(workspace.uuid) : null,
    workspaceSlug: null,
    workspaceName: null,
    fullName: null,
    name: null,
    isPrivate: null,
  };
}

/** As everywhere else: rows are found by it. */
function withBraces(uuid: string): string {
  return `{${bareUuid(uuid)}}`;
}

function unreadable(detail: string): InputError {
  return new InputError('body_unreadable', detail);
}

/**
 * Forge's `push` object as a ref change; null when it names no ref. Forge sends ids only, so there is never an author's
 * name.
 */
export function readForgePush(push: unknown): RefChange | null {
  const parsed = forgePushShape.safeParse(push);
  if (!parsed.success) return null;
  const { data } = parsed;
  const kind = kindOf(data);
  return {
    refType: refTypeOf(data),
    // Bare names in every sample; the prefix is stripped all the same (§2.3, reading rules).
    name: data.ref.replace(/^refs\/(heads|tags)\//, ''),
    from: data.before || null,
    to: data.after || null,
    kind,
    message: kind === 'delete' ? null : messageOf(data),
    author: null,
  };
}

function refTypeOf(push: ForgePush): 'branch' | 'tag' {
  if (push.ref.startsWith('refs/tags/')) return 'tag';
  if (push.ref.startsWith('refs/heads/')) return 'branch';
  return push.mainbranch !== undefined || push.commits !== undefined ? 'branch' : 'tag';
}

function kindOf(push: ForgePush): RefChangeKind {
  if (push.closed === true || !push.after) return 'delete';
  if (push.created === true || !push.before) return 'create';
  return push.forced === true ? 'force' : 'update';
}

function messageOf(push: ForgePush): string | null {
  if (push.message?.value) return push.message.value;
  if (!Array.isArray(push.commits)) return null;
  // The order of `commits` is undocumented: look for the head by its hash.
  for (const entry of push.commits) {
    const commit = commitShape.safeParse(entry);
    if (commit.success && commit.data.hash === push.after)
      return commit.data.message?.value ?? null;
  }
  return null;
}
