import { readdir } from 'node:fs/promises';
import type { Logger } from '../../core/ports.js';
import { removeTree } from './lock-tree.js';
import { killLeftover } from './process-marks.js';
import { killUser } from '../../lib/run-command.js';
import type { TargetStore } from './target-store.js';

/**
 * Puts the files of a target right after whatever ended Slipway: nothing of the time before runs any more, and every record
 * is either over or marked interrupted. What is live is what `current` points at.
 */
export async function recoverTarget(
  store: TargetStore,
  clock: () => number,
  logger: Logger,
): Promise<void> {
  const unfinished = await store.unfinished();
  const marks = [...unfinished.map((record) => record.process), ...store.state.apps];
  for (const mark of marks)
    if (mark !== null && (await killLeftover(mark)))
      logger.warn({ pid: mark.pid }, 'local.leftover_killed');
  const { fetch, build, apps } = store.users;
  for (const user of [fetch, build, ...apps]) if (user !== null) await killUser(user);
  if (store.state.apps.some((mark) => mark !== null)) await store.update({ apps: [null, null] });

  const current = await store.releases.current();
  for (const record of unfinished) {
    const wentLive =
      record.state === 'deploying' && record.release !== null && record.release === current?.name;
    if (wentLive) await markLive(store, record.deploymentId, current.name);
    await store.saveRecord({
      ...record,
      state: wentLive ? 'live' : 'interrupted',
      reason: wentLive ? null : 'Slipway was restarted while it ran',
      process: null,
      finishedAt: clock(),
    });
  }
  for (const name of await readdir(store.paths.work)) await removeTree(store.paths.workOf(name));
  await store.releases.sweep();
}

/** Also after an ordinary switch. */
export async function markLive(
  store: TargetStore,
  deploymentId: string,
  release: string,
): Promise<void> {
  const before = store.state.live?.release ?? null;
  const previousRelease = before === release ? store.state.previousRelease : before;
  await store.update({ live: { deploymentId, release }, previousRelease });
}
