import { retryDelayMs } from '../core/delivery/retry-schedule.js';
import type { Notice, NoticeChannel, NoticeDelivery, NoticeNews } from '../core/model/index.js';
import type { NoticeMessage, NoticeSender } from '../core/notices.js';
import type { Clock, Ids, Logger, Storage, Transaction, Vault } from '../core/ports.js';
import { createPace } from '../lib/pace.js';
import { channelIdentity } from './notice-channels.js';

export interface TellDeps {
  storage: Storage;
  sender: NoticeSender;
  vault: Vault;
  baseUrl: string;
  clock: Clock;
  ids: Ids;
  random(): number;
  logger: Logger;
}

const atOnce = 50;
/** Longer than a sender ever waits for an answer. */
const hiddenMs = 60_000;
/** Old news helps nobody. */
const lifetimeMs = 24 * 60 * 60_000;
const everyMs = 5_000;
const pruneEveryMs = 60 * 60_000;
const prunedAtOnce = 500;
/** As long as finished deployments. */
const keptMs = 90 * 24 * 60 * 60_000;

/** Tells the channels of a workspace what its notices say, once when they open and once when they are over. */
export function createTeller(deps: TellDeps) {
  const pace = createPace(everyMs, deps.clock);
  const prunes = createPace(pruneEveryMs, deps.clock);
  return {
    name: 'notices',
    dueAt: pace.dueAt,
    async run(): Promise<number> {
      if (!pace.take()) return 0;
      if (prunes.take()) {
        const before = deps.clock() - keptMs;
        await deps.storage.write((tx) => tx.noticeDeliveries.prune(before, prunedAtOnce));
      }
      if (await hasUntold(deps)) await deps.storage.write((tx) => spread(tx, deps));
      return deliverDue(deps);
    },
  };
}

async function hasUntold({ storage }: TellDeps): Promise<boolean> {
  return (await storage.read.noticeDeliveries.untold(1)).length > 0;
}

/** From notices to messages owed, in one transaction: whatever happens then, each message is owed exactly once. */
async function spread(tx: Transaction, deps: TellDeps): Promise<void> {
  const now = deps.clock();
  for (const { notice, wasTold } of await tx.noticeDeliveries.untold(atOnce)) {
    await tx.noticeDeliveries.markTold(notice.id, { opened: now, resolved: notice.resolvedAt });
    // What was over before anybody could be told of it is no news.
    if (notice.workspaceUuid === null || (!wasTold && notice.resolvedAt !== null)) continue;
    const channels = await tx.noticeChannels.ofWorkspace(notice.workspaceUuid);
    const news: NoticeNews = wasTold ? 'resolved' : 'opened';
    await tx.noticeDeliveries.insert(
      channels.map(({ id }) => owed(deps.ids.next(), notice, id, news, now)),
    );
  }
}

function owed(
  id: string,
  notice: Notice,
  channelId: string,
  news: NoticeNews,
  now: number,
): NoticeDelivery {
  const open = { dueAt: now, attempts: 0, settledAt: null, error: null };
  return { id, noticeId: notice.id, channelId, news, ...open, createdAt: now };
}

async function deliverDue(deps: TellDeps): Promise<number> {
  const now = deps.clock();
  if (!(await deps.storage.read.noticeDeliveries.hasDue(now))) return 0;
  const due = await deps.storage.write((tx) =>
    tx.noticeDeliveries.claimDue(atOnce, now, now + hiddenMs),
  );
  for (const delivery of due) await deliver(delivery, deps);
  return due.length;
}

async function deliver(delivery: NoticeDelivery, deps: TellDeps): Promise<void> {
  const { read } = deps.storage;
  const [notice, channel] = await Promise.all([
    read.noticeDeliveries.notice(delivery.noticeId),
    read.noticeChannels.byId(delivery.channelId),
  ]);
  if (!notice || !channel) return settle(delivery, null, 'There is nobody to tell.', deps);
  const message = messageOf(notice, delivery.news, channel, deps);
  const answer = await deps.sender.send(message);
  const failures = delivery.attempts + 1;
  const error = answer.ok ? null : answer.error;
  const isOver = answer.ok || answer.isFinal || deps.clock() - delivery.createdAt > lifetimeMs;
  if (!answer.ok) {
    deps.logger.warn(
      { channel: channel.id, notice: notice.id, attempt: failures, error, isOver },
      'notice.not_delivered',
    );
  }
  const dueAt = isOver ? null : deps.clock() + retryDelayMs(failures, deps.random());
  await settle({ ...delivery, attempts: failures }, dueAt, error, deps);
}

async function settle(
  { id, channelId, attempts }: NoticeDelivery,
  dueAt: number | null,
  error: string | null,
  { storage, clock }: TellDeps,
): Promise<void> {
  const at = clock();
  await storage.write(async (tx) => {
    const settledAt = dueAt === null ? at : null;
    await tx.noticeDeliveries.settle(id, { dueAt, attempts, settledAt, error });
    await tx.noticeChannels.noteOutcome(channelId, { at, error });
  });
}

export function messageOf(
  notice: Pick<Notice, 'says' | 'advice' | 'level' | 'path'>,
  news: NoticeNews,
  channel: Pick<NoticeChannel, 'id' | 'kind' | 'addressSealed'>,
  { vault, baseUrl }: Pick<TellDeps, 'vault' | 'baseUrl'>,
): NoticeMessage {
  const isOver = news === 'resolved';
  return {
    kind: channel.kind,
    address: vault.open(channel.addressSealed, channelIdentity(channel.id)),
    title: isOver ? `Solved: ${notice.says}` : notice.says,
    text: isOver ? 'It is well again; there is nothing to do.' : notice.advice,
    url: notice.path === null ? null : `${baseUrl}${notice.path}`,
    level: isOver ? 'solved' : notice.level,
  };
}
