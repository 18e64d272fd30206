import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

import { isObject, textOf, type Json, type JsonObject } from '../json.js';

/** Why an app cannot be deployed or installed; shown to the caller of the control API. */
export class ForgeError extends Error {
  override name = 'ForgeError';
}

/**
 * `manifest.yml` of an app folder, with `${VAR}` filled in from `environment.variables`, or from what `forge deploy` would
 * have found in its process environment (bitbucket-forge §8.1).
 */
export async function readManifest(
  appDir: string,
  variables: Readonly<Record<string, string>>,
): Promise<JsonObject> {
  const file = join(appDir, 'manifest.yml');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new ForgeError(`${file} cannot be read: ${String(error)}`);
  });
  const manifest: unknown = parse(text);
  if (!isObject(manifest)) throw new ForgeError(`${file} is no manifest`);
  const known = { ...declaredVariables(manifest), ...variables };
  return filled(manifest, known) as JsonObject;
}

function declaredVariables(manifest: JsonObject): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of listAt(manifest, 'environment', 'variables')) {
    const fallback = entry['default'];
    if (typeof fallback === 'string') found[textOf(entry['key'])] = fallback;
  }
  return found;
}

function filled(value: Json, variables: Readonly<Record<string, string>>): Json {
  if (typeof value === 'string') {
    return value.replace(/\$\{(\w+)\}/g, (whole, name: string) => variables[name] ?? whole);
  }
  if (Array.isArray(value)) return value.map((entry) => filled(entry, variables));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [name, filled(entry, variables)]),
  );
}

/** The objects of a list somewhere in the manifest; empty when it is not there. */
export function listAt(manifest: JsonObject, ...path: string[]): JsonObject[] {
  const found = at(manifest, ...path);
  return Array.isArray(found) ? found.filter(isObject) : [];
}

export function at(value: Json, ...path: string[]): Json | undefined {
  let current: Json | undefined = value;
  for (const name of path) current = isObject(current) ? current[name] : undefined;
  return current;
}

export function appIdOf(manifest: JsonObject): string {
  const id =
    textOf(at(manifest, 'app', 'id'))
      .split('/')
      .at(-1) ?? '';
  if (!/^[0-9a-f-]{36}$/.test(id)) throw new ForgeError('app.id is no app ARI');
  return id;
}

export function scopesOf(manifest: JsonObject): string[] {
  const scopes = at(manifest, 'permissions', 'scopes');
  return Array.isArray(scopes) ? scopes.map(textOf) : [];
}

export interface Endpoint {
  key: string;
  baseUrl: string;
  /** Empty where each call names its own path. */
  path: string;
  systemToken: boolean;
  userToken: boolean;
}

export function endpointOf(manifest: JsonObject, key: string): Endpoint {
  const endpoint = listAt(manifest, 'modules', 'endpoint').find((each) => each['key'] === key);
  if (!endpoint) throw new ForgeError(`the manifest has no endpoint "${key}"`);
  const remote = listAt(manifest, 'remotes').find((each) => each['key'] === endpoint['remote']);
  if (!remote) throw new ForgeError(`endpoint "${key}" names no remote`);
  return {
    key,
    baseUrl: textOf(remote['baseUrl']),
    path: textOf(at(endpoint, 'route', 'path')),
    systemToken: at(endpoint, 'auth', 'appSystemToken', 'enabled') === true,
    userToken: at(endpoint, 'auth', 'appUserToken', 'enabled') === true,
  };
}

/** Endpoints of the triggers that want an event. */
export function triggersFor(manifest: JsonObject, event: string): string[] {
  return listAt(manifest, 'modules', 'trigger')
    .filter(({ events }) => Array.isArray(events) && events.includes(event))
    .map(({ endpoint }) => textOf(endpoint));
}

export const pageKinds = [
  'bitbucket:repoSettingsMenuPage',
  'bitbucket:workspaceSettingsMenuPage',
  'bitbucket:repoMainMenuPage',
] as const;
export type PageKind = (typeof pageKinds)[number];

export interface PageModule {
  kind: PageKind;
  key: string;
  title: string;
  resource: string;
  endpoint: string;
}

export function pagesOf(manifest: JsonObject): PageModule[] {
  return pageKinds.flatMap((kind) =>
    listAt(manifest, 'modules', kind).map((module) => ({
      kind,
      key: textOf(module['key']),
      title: textOf(module['title']),
      resource: textOf(module['resource']),
      endpoint: textOf(at(module, 'resolver', 'endpoint')),
    })),
  );
}

/** Folder of a resource, relative to the app's. */
export function resourcePath(manifest: JsonObject, key: string): string {
  const resource = listAt(manifest, 'resources').find((each) => each['key'] === key);
  if (!resource) throw new ForgeError(`the manifest has no resource "${key}"`);
  return textOf(resource['path']);
}
