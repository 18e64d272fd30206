import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seedSample, startSandbox, type Sandbox } from '../sandbox/index.js';
import { randomBytes } from 'node:crypto';
import { SandboxClient, type Consumer } from './sandbox-client.js';
import { startServers, type Servers } from './nodes.js';

/** Any will do: the sandbox has its own Atlassian. */
export const demoForgeAppId = '51195a11-0000-4000-8000-000000000001';

/** Where the demo plays: the sandbox in this process, Slipway in one of its own (or several), all on free ports. */
export interface Stage {
  sandbox: SandboxClient;
  server: Servers;
  /** For clones and data; goes with the stage. */
  folder: string;
  workspace: string;
  repository: string;
  user: { nickname: string; name: string; email: string };
  cloneUrl: string;
  /** Configured at Slipway; made in the sandbox by whoever comes through the OAuth door. */
  consumer: Consumer;
  close(): Promise<void>;
}

export async function setStage(options: {
  ports: { sandbox: number; slipway: number };
  /** What Slipway is told besides. */
  environment: Record<string, string>;
  nodes: number;
  /** @param node that said it, from 1 */
  onLine: (line: string, node: number) => void;
}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-demo-'));
  // Builds run under users of their own and must get to their files; behind a closed door these would lie somewhere else,
  // and would stay behind when the stage is gone.
  await chmod(folder, 0o711);
  let sandbox: Sandbox | null = null;
  let server: Servers | null = null;
  const close = async (): Promise<void> => {
    await server?.stop();
    await sandbox?.stop();
    await removeTree(folder);
  };
  try {
    sandbox = await startSandbox({ port: options.ports.sandbox });
    const sample = await seedSample(sandbox);
    const ada = sample.users.find(({ nickname }) => nickname === 'ada');
    if (!ada) throw new Error('the sample has no user ada');
    const consumer = {
      key: randomBytes(24).toString('base64url'),
      secret: randomBytes(57).toString('base64url'),
    };
    server = await startServers({
      nodes: options.nodes,
      port: options.ports.slipway,
      folder,
      onLine: options.onLine,
      settings: {
        SLIPWAY_BITBUCKET_URL: sandbox.url,
        SLIPWAY_BITBUCKET_API_URL: sandbox.url,
        SLIPWAY_FORGE_APP_ID: demoForgeAppId,
        SLIPWAY_FORGE_JWKS_URL: `${sandbox.url}/_forge/jwks.json`,
        SLIPWAY_OAUTH_CLIENT_ID: consumer.key,
        SLIPWAY_OAUTH_CLIENT_SECRET: consumer.secret,
        ...options.environment,
      },
    });
    const { repository, workspace } = sample;
    const { host } = new URL(sandbox.url);
    return {
      sandbox: new SandboxClient(sandbox.url),
      server,
      folder,
      workspace,
      repository,
      user: { nickname: 'ada', name: 'Ada Example', email: 'ada@example.com' },
      cloneUrl: `http://ada:${ada.git_password}@${host}/${repository}.git`,
      consumer,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Releases are read-only folders, which only root may remove as they are. */
async function removeTree(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch {
    await chmod(folder, 0o700);
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isDirectory()) await chmod(join(entry.parentPath, entry.name), 0o700);
    }
    await rm(folder, { recursive: true, force: true });
  }
}
