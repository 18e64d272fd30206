import { join } from 'node:path';
import type { FakeBitbucket } from './fake-bitbucket.js';
import { freePort, rootFolder, serverArgs, start, type Running } from './process.js';
import { masterKey } from './seed.js';

/** Slipway over a seeded data folder. `shipped` is `dist/cli.js start`; `bench` adds a door (servers/slipway.ts). */
export async function startSlipway(options: {
  name: string;
  kind: 'shipped' | 'bench';
  dataDir: string;
  bitbucket: FakeBitbucket;
  env?: Readonly<Record<string, string>>;
  /** Arguments of node itself. */
  nodeArgs?: readonly string[];
}): Promise<Running> {
  const port = await freePort();
  const env = {
    PORT: String(port),
    SLIPWAY_DATA_DIR: options.dataDir,
    SLIPWAY_BITBUCKET_URL: options.bitbucket.url,
    SLIPWAY_BITBUCKET_API_URL: options.bitbucket.url,
    SLIPWAY_MASTER_KEY: masterKey.toString('base64'),
    SLIPWAY_LOCAL_BACKEND: 'off',
    ...options.env,
  };
  const cli = [...(options.nodeArgs ?? []), join(rootFolder, 'dist', 'cli.js'), 'start'];
  return options.kind === 'shipped'
    ? start({ name: options.name, args: cli, env, port })
    : start({ name: options.name, args: serverArgs('slipway'), env });
}
