import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Where the demo deploys to, beside Slipway: what a target's form is given, and whatever runs for it. */
export interface Place {
  fields: Record<string, string>;
  close(): Promise<void>;
}

/** How the site is built; null: its files are served as they are. */
export type Recipe = { build: string; output: string } | null;

const places = { local, 'signed-webhook': signedWebhook } as const;

export type PlaceName = keyof typeof places;
export const placeNames = Object.keys(places) as PlaceName[];

export function isPlaceName(name: string): name is PlaceName {
  return Object.hasOwn(places, name);
}

/** @param folder goes with the stage */
export function openPlace(name: PlaceName, folder: string, recipe: Recipe): Promise<Place> {
  return places[name](folder, recipe);
}

function local(_folder: string, recipe: Recipe): Promise<Place> {
  const settings =
    recipe === null
      ? {}
      : { 'settings.buildCommand': recipe.build, 'settings.outputFolder': recipe.output };
  const fields = { backend: 'local', ...settings };
  return Promise.resolve({ fields, close: () => Promise.resolve() });
}

const copyEverything = 'mkdir -p dist && cp *.html *.css dist/';

/** The receiver that the documentation offers, as a process of its own. It serves `dist`. */
async function signedWebhook(folder: string, recipe: Recipe): Promise<Place> {
  const releases = join(folder, 'releases');
  await mkdir(releases, { recursive: true });
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const example = fileURLToPath(new URL('../../docs/examples/receiver.mjs', import.meta.url));
  const settings = { SECRET: secret, FOLDER: releases, PORT: '0' };
  const child = spawn(process.execPath, [example], {
    env: { ...inherited(), ...settings, BUILD: recipe?.build ?? copyEverything },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const listening = once(createInterface(child.stdout), 'line') as Promise<[string]>;
  const first = await Promise.race([listening, ended.then(() => null)]);
  const port = /^listening on (\d+)$/.exec(first?.[0] ?? '')?.[1];
  if (port === undefined) throw new Error('the receiver did not start');
  return {
    fields: {
      backend: 'signed-webhook',
      'settings.url': `http://localhost:${port}/hook`,
      'settings.secret': secret,
    },
    async close() {
      child.kill();
      await ended;
    },
  };
}

/** git and sh are found by it. */
function inherited(): Record<string, string> {
  // eslint-disable-next-line no-restricted-properties -- not read here: handed on to a process of its own
  const { PATH = '', HOME = '' } = process.env;
  return { PATH, HOME };
}
