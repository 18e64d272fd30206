import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  startDigitalOcean,
  type BuildResult,
  type CodeSource,
} from '../sandbox/digitalocean/index.js';
import type { Place } from './places.js';
import type { Stage } from './stage.js';
import { WorkspaceVisitor } from './workspace-visitor.js';

const run = promisify(execFile);
/** Of each phase: long enough to be seen, short enough to be waited for. */
const stepMs = 300;

/** DigitalOcean on this machine, with an app that was made there before: it is connected, then chosen. */
export async function digitalocean(): Promise<Place> {
  const place = { cloneUrl: '', folder: '' };
  const fake = await startDigitalOcean({ source: sourceOf(place), stepMs });
  const token = `dop_v1_${randomBytes(32).toString('hex')}`;
  fake.account.tokens.push({ token, scopes: ['app:read', 'app:update'] });
  return {
    environment: { SLIPWAY_DIGITALOCEAN_API_URL: fake.url },
    async fields(stage) {
      Object.assign(place, { cloneUrl: stage.cloneUrl, folder: stage.folder });
      const bitbucket = { repo: stage.repository, branch: 'main', deploy_on_push: false };
      const app = fake.account.addApp({ name: 'site', services: [{ name: 'web', bitbucket }] });
      const connectionId = await connect(stage, token);
      return { backend: 'digitalocean', connectionId, 'settings.app': app.id };
    },
    close: () => fake.close(),
  };
}

async function connect(stage: Stage, token: string): Promise<string> {
  const { sandbox, workspace, user } = stage;
  const page = await WorkspaceVisitor.open(await sandbox.workspaceUrl(workspace, user.nickname));
  return page.connect({ backend: 'digitalocean', name: 'Team account', 'settings.token': token });
}

/** Builds as a person would expect of this repository: its page, unless the page says that it is broken. */
function sourceOf(place: { cloneUrl: string; folder: string }): CodeSource {
  return {
    async head(_repository, branch) {
      const { stdout } = await run('git', ['ls-remote', place.cloneUrl, `refs/heads/${branch}`]);
      return stdout.split('\t')[0] || null;
    },
    async build(_repository, commit): Promise<BuildResult> {
      const page = await pageAt(place, commit);
      const log = [`building ${commit}`];
      if (!page.includes('BROKEN')) return { ok: true, log, page };
      log.push('error: page.html is broken');
      return { ok: false, log, message: 'build command exited 1' };
    },
  };
}

/** The round pushes `page.html`; the sample has an `index.html`. */
async function pageAt(
  { cloneUrl, folder }: { cloneUrl: string; folder: string },
  commit: string,
): Promise<string> {
  const copy = join(folder, 'digitalocean.git');
  await run('git', ['init', '--quiet', '--bare', copy]);
  await run('git', ['-C', copy, 'fetch', '--quiet', cloneUrl, '+refs/heads/*:refs/heads/*']);
  const read = (file: string) => run('git', ['-C', copy, 'show', `${commit}:${file}`]);
  const { stdout } = await read('page.html').catch(() => read('index.html'));
  return stdout;
}
