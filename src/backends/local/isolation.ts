import { spawnSync } from 'node:child_process';
import { defaultLimits } from './options.js';

/** `separate-user`: builds and apps cannot read what Slipway can. `none`: they run as the same user. */
export type Isolation = 'separate-user' | 'none';

let probed: Isolation | null = null;

/** Tried, not guessed: a container can make us root without letting us become anybody else. */
export function localIsolation(): Isolation {
  probed ??= probe();
  return probed;
}

function probe(): Isolation {
  if (process.getuid?.() !== 0) return 'none';
  const id = defaultLimits.firstUid;
  const result = spawnSync('/bin/sh', ['-c', ':'], { uid: id, gid: id, cwd: '/', env: {} });
  return result.status === 0 ? 'separate-user' : 'none';
}

/** For the panel and the docs. */
export function isolationSentence(isolation: Isolation = localIsolation()): string {
  return isolation === 'separate-user'
    ? 'Builds and apps run under users of their own and cannot read the data of Slipway; they share this machine and its network.'
    : 'Builds and apps are not isolated: they run as the same user as Slipway and can read its data. Deploy only code that you trust.';
}
