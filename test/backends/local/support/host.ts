/** A process that holds the backend, to be killed in the middle: `host.ts <JSON order>`; says each state it sees. */
import { createLocalBackend } from '../../../../src/backends/local/index.js';
import type { Logger } from '../../../../src/core/ports.js';
import { quickLimits } from './fixture.js';
import { gitUser } from './git-server.js';

export interface HostOrder {
  dataDir: string;
  cloneUrl: string;
  password: string;
  commits: { deploymentId: string; commit: string; settings: Record<string, unknown> }[];
}

const order = JSON.parse(process.argv[2] ?? '{}') as HostOrder;
const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (_fields, message) => process.stderr.write(`${message}\n`),
  child: () => quiet,
};
let wake: () => void = () => undefined;
const backend = createLocalBackend({
  dataDir: order.dataDir,
  publicHost: '127.0.0.1',
  notify: () => wake(),
  clock: () => Date.now(),
  logger: quiet,
  allowPlainHttpGit: true,
  limits: quickLimits,
});
const { signal } = new AbortController();

for (const [index, { deploymentId, commit, settings }] of order.commits.entries()) {
  const target = { id: 'site', name: 'Production', settings, secrets: {} };
  await backend.trigger(
    {
      deploymentId,
      target,
      backendRef: null,
      commit,
      idempotencyKey: deploymentId,
      fencing: index + 1,
      repository: { uuid: '{r}', fullName: 'acme/site', cloneUrl: order.cloneUrl },
      refType: 'branch',
      refName: 'main',
      message: null,
      author: null,
      cause: 'push',
      causedBy: 'Ada Example',
      attempt: 1,
      previousCommit: null,
      cloneCredential: () =>
        Promise.resolve({
          username: gitUser,
          password: order.password,
          expiresAt: Date.now() + 1_000_000,
          kind: 'app',
          source: 'test',
          name: 'a test',
        }),
    },
    signal,
  );
  for (;;) {
    const noticed = new Promise<void>((resolve) => (wake = resolve));
    const seen = await backend.observe?.(
      { deploymentId, target, backendRef: deploymentId, commit },
      signal,
    );
    process.stdout.write(`${JSON.stringify({ deploymentId, ...seen })}\n`);
    if (seen?.state === 'live' || seen?.state === 'failed') break;
    await noticed;
  }
}
