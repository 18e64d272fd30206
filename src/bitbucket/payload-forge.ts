import { z } from 'zod';
import type { RefChange, RefChangeKind } from '../core/model/index.js';

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

const commitShape = z.object({ hash: text, message: messageShape });

type ForgePush = z.infer<typeof forgePushShape>;

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
