import assert from 'node:assert/strict';
import { join } from 'node:path';
import { runForgeCommand } from '../../../src/commands/forge-configure.js';
import type { Bench } from '../../sandbox/support.js';
import type { Stage } from './stage.js';

const appId = '51195a11-0000-4000-8000-000000000001';

/** What opens the Forge door of a server whose Atlassian is the sandbox. */
export function forgeSettings(bitbucketUrl: string): Record<string, string> {
  return {
    SLIPWAY_FORGE_APP_ID: appId,
    SLIPWAY_FORGE_JWKS_URL: `${bitbucketUrl}/_forge/jwks.json`,
  };
}

/** As an operator and a workspace admin do it: `slipway forge configure`, then an install from that folder. */
export async function installForgeApp({ bench, server, folder }: Stage): Promise<void> {
  const out = join(folder, 'forge-app');
  const said: string[] = [];
  const io = {
    out: () => undefined,
    err: (text: string) => void said.push(text),
    dataDir: folder,
    databaseUrl: null,
    now: Date.now,
  };
  const address = ['--app-id', appId, '--base-url', server.url, '--out', out];
  assert.equal(await runForgeCommand(['configure', ...address], io), 0, said.join());
  await bench.control('POST', 'forge/install', { workspace: 'acme', user: 'ada', app_dir: out });
  await bench.idle();
}

/** Addresses of the app's pages, by what they hang from. */
export async function forgePages(bench: Bench) {
  const { apps } = await bench.control<{ apps: ForgeAppAnswer[] }>('GET', 'forge/apps');
  const pages = apps.find(({ installed }) => installed)?.pages ?? [];
  const path = (module: string): string => {
    const page = pages.find(({ key }) => key === module);
    assert.ok(page, `there is no page ${module}`);
    return page.path;
  };
  return {
    settings: `/acme/site/admin/${path('slipway-repo-settings')}`,
    readOnly: `/acme/site/${path('slipway-repo-page')}`,
    workspace: `/acme/workspace/settings/${path('slipway-ws-settings')}`,
  };
}

interface ForgeAppAnswer {
  installed: boolean;
  pages: { key: string; path: string }[];
}
