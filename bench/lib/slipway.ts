import { join } from 'node:path';
import type { FakeBitbucket } from './fake-bitbucket.js';
import { freePort, rootFolder, start, type Running } from './process.js';
import { masterKey } from './seed.js';

/** `dist/cli.js start` over a seeded data folder. */
export async function startSlipway(options: {
  name: string;
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
  return start({ name: options.name, args: cli, env, port });
}
