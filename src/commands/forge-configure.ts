import { copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { CommandIo } from './io.js';

const usage = `usage: slipway forge configure --app-id ID --base-url https://… [--environment production] [--out forge-app]
`;

/** The project's own folder, the same from `src` and from `dist`. */
const root = join(import.meta.dirname, '..', '..');
/** What every frame of the panel shares. */
const sharedFiles = ['panel.js', 'panel.css'];
const environments = ['production', 'staging', 'development'];

const templateAppId = '00000000-0000-4000-8000-000000000000';
const templateBaseUrl = 'https://slipway.example.com';

/**
 * `slipway forge configure`: writes the app folder for `forge deploy`, with the app's id and our address filled in. The
 * template stays as it is, so that it can come with an installed package.
 */
export async function runForgeCommand(argv: string[], io: CommandIo): Promise<number> {
  const wish = readWish(argv);
  if (typeof wish === 'string') {
    io.err(`slipway forge: ${wish}\n${usage}`);
    return 2;
  }
  await writeApp(wish);
  io.out(whatNext(wish));
  return 0;
}

interface Wish {
  appId: string;
  baseUrl: string;
  environment: string;
  out: string;
}

function readWish(argv: string[]): Wish | string {
  let parsed;
  try {
    parsed = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        'app-id': { type: 'string' },
        'base-url': { type: 'string' },
        environment: { type: 'string', default: 'production' },
        out: { type: 'string', default: 'forge-app' },
      },
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { values, positionals } = parsed;
  if (positionals.join(' ') !== 'configure') return 'there is only: configure';
  const appId = /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i.exec(values['app-id'] ?? '')?.[1];
  if (appId === undefined) {
    return '--app-id must be the id that `forge register` or `forge create` gave the app.';
  }
  const baseUrl = originOf(values['base-url'] ?? '');
  if (baseUrl === null) {
    return '--base-url must be the bare https address of your Slipway: Forge calls nothing else.';
  }
  const { environment, out } = values;
  if (!environments.includes(environment)) {
    return `--environment must be one of ${environments.join(', ')}.`;
  }
  return { appId: appId.toLowerCase(), baseUrl, environment, out: resolve(out) };
}

/** Plain http for the sandbox on this machine only. */
function originOf(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const { protocol, hostname, origin, href } = new URL(text);
  const isLocal = hostname === 'localhost' || /^127(.\d+){3}$/.test(hostname);
  const isAllowed = protocol === 'https:' || (protocol === 'http:' && isLocal);
  return isAllowed && href === `${origin}/` ? origin : null;
}

async function writeApp({ appId, baseUrl, out }: Wish): Promise<void> {
  const panel = join(out, 'static', 'panel');
  await mkdir(panel, { recursive: true });
  await cp(join(root, 'forge', 'static'), join(out, 'static'), { recursive: true });
  for (const name of sharedFiles) await copyFile(join(root, 'public', name), join(panel, name));
  const template = await readFile(join(root, 'forge', 'manifest.yml'), 'utf8');
  const manifest = template
    .replaceAll(templateAppId, appId)
    .replaceAll(templateBaseUrl, baseUrl)
    .replace(
      /^# .*\n# .*\n/,
      '# Made by `slipway forge configure`; make it again instead of editing it.\n',
    );
  await writeFile(join(out, 'manifest.yml'), manifest);
}

function whatNext({ appId, environment, out }: Wish): string {
  return `The app is in ${out}. With an Atlassian account that may deploy it:

  cd ${out}
  forge deploy --environment ${environment}
  forge install --environment ${environment} --product bitbucket

And for the server:

  SLIPWAY_FORGE_APP_ID=${appId}
  SLIPWAY_FORGE_ENVIRONMENTS=${environment}
`;
}
