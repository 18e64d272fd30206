import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { digitalocean } from './digitalocean-place.js';
import type { Stage } from './stage.js';

/** Where the demo deploys to, beside Slipway, and whatever runs for it. */
export interface Place {
  /** What Slipway is started with, so that it finds the place. */
  environment: Record<string, string>;
  /** What a target's form is given, once Slipway is installed. */
  fields(stage: Stage): Promise<Record<string, string>>;
  close(): Promise<void>;
}

/** How the site is built; null: its files are served as they are. */
export type Recipe = { build: string; output: string } | null;

const places = { local, 'signed-webhook': signedWebhook, digitalocean } as const;

export type PlaceName = keyof typeof places;
export const placeNames = Object.keys(places) as PlaceName[];

export function isPlaceName(name: string): name is PlaceName {
  return Object.hasOwn(places, name);
}

export function openPlace(name: PlaceName, recipe: Recipe): Promise<Place> {
  return places[name](recipe);
}

function local(recipe: Recipe): Promise<Place> {
  const settings =
    recipe === null
      ? {}
      : { 'settings.buildCommand': recipe.build, 'settings.outputFolder': recipe.output };
  const fields = { backend: 'local', ...settings };
  return Promise.resolve({
    environment: {},
    fields: () => Promise.resolve(fields),
    close: () => Promise.resolve(),
  });
}

const copyEverything = 'mkdir -p dist && cp *.html *.css dist/';

/** The receiver that the documentation offers, as a process of its own. It serves `dist`. */
function signedWebhook(recipe: Recipe): Promise<Place> {
  let receiver: Receiver | null = null;
  return Promise.resolve({
    environment: {},
    async fields({ folder }) {
      receiver = await startReceiver(folder, recipe);
      return {
        backend: 'signed-webhook',
        'settings.url': receiver.url,
        'settings.secret': receiver.secret,
      };
    },
    close: async () => receiver?.close(),
  });
}

interface Receiver {
  url: string;
  secret: string;
  close(): Promise<void>;
}

async function startReceiver(folder: string, recipe: Recipe): Promise<Receiver> {
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
    url: `http://localhost:${port}/hook`,
    secret,
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
