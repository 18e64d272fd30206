import type { HookWords } from '../core/hooks/explain.js';
import type { Hook, Repository } from '../core/model/index.js';
import type { NoticeWrites } from '../core/people.js';

interface NoticeTransaction {
  notices: NoticeWrites;
}

function subjectOf(hookId: string): string {
  return `hook:${hookId}`;
}

/** Told once while it lasts. */
export async function tellOfHook(
  tx: NoticeTransaction,
  hook: Pick<Hook, 'id'>,
  repository: Pick<Repository, 'id' | 'workspaceUuid' | 'fullName'>,
  { kind, words }: { kind: string; words: HookWords },
  { id, now }: { id: string; now: number },
): Promise<boolean> {
  return tx.notices.add({
    id,
    kind,
    level: 'warning',
    workspaceUuid: repository.workspaceUuid,
    repositoryId: repository.id,
    userUuid: null,
    subject: subjectOf(hook.id),
    dedupeKey: `${kind}:${hook.id}`,
    says: `${repository.fullName}: ${words.says}`,
    advice: words.advice,
    path: null,
    createdAt: now,
    resolvedAt: null,
  });
}

export async function resolveHookNotices(
  tx: NoticeTransaction,
  hookId: string,
  now: number,
): Promise<void> {
  await tx.notices.resolve(subjectOf(hookId), now);
}
