import { readFile } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';

import { emptyReply, jsonReply, textReply, type Exchange, type Reply } from '../http/exchange.js';
import { isObject, textOf, type JsonObject } from '../json.js';
import type { World } from '../world.js';
import { invoke } from './invoke.js';
import { resourcePath } from './manifest.js';
import { forgeBridgeScript } from './scripts.js';

/** Everything of Forge's own: keys, the CDN with the apps' static files, and the way of `invokeRemote`. */
export async function forgeRoutes(world: World, exchange: Exchange): Promise<Reply> {
  const [, , place = '', ...rest] = exchange.path.split('/');
  if (exchange.method === 'GET') {
    if (place === 'jwks.json') return jsonReply(200, world.forge.keys.publicSet());
    if (place === 'bridge.js') return fileReply('.js', forgeBridgeScript, {});
    if (place === 'cdn') return cdn(world, rest);
  }
  if (exchange.method === 'POST' && place === 'invoke') return invoked(world, exchange);
  return emptyReply(404);
}

async function invoked(world: World, exchange: Exchange): Promise<Reply> {
  // Only our own pages: whoever has a session acts in its viewer's name.
  const origin = exchange.header('origin');
  if (origin !== undefined && origin !== world.links.origin) return emptyReply(403);
  const input = await exchange.object();
  const visit = world.forge.visit(textOf(input['session']));
  if (!visit) return jsonReply(200, { success: false, error: { message: 'reload the page' } });
  const { path, method, headers, body } = input;
  if (typeof path !== 'string' || (method !== 'GET' && method !== 'POST')) {
    const message = 'path and method (GET or POST) are needed';
    return jsonReply(200, { success: false, error: { message } });
  }
  return jsonReply(
    200,
    await invoke(world, visit, { path, method, headers: textValues(headers), body }),
  );
}

function textValues(value: unknown): Record<string, string> {
  const object: JsonObject = isObject(value) ? value : {};
  return Object.fromEntries(
    Object.entries(object).map(([name, text]) => [name.toLowerCase(), textOf(text)]),
  );
}

async function cdn(world: World, path: readonly string[]): Promise<Reply> {
  const [id = '', resource = '', ...file] = path;
  const installation = world.state.forgeInstallation(id);
  if (!installation) return emptyReply(404);
  const folder = join(installation.app_dir, resourcePath(installation.manifest, resource));
  const wanted = join(folder, ...file);
  if (relative(folder, wanted).startsWith('..')) return emptyReply(404);
  const content = await readFile(wanted).catch(() => null);
  if (content === null) return textReply(404, 'There is no such file in this resource.\n');
  const policy = { 'Content-Security-Policy': contentPolicy(world) };
  if (!wanted.endsWith('.html')) return fileReply(extname(wanted), content, policy);
  return fileReply('.html', withBridge(content.toString('utf8'), world), policy);
}

function withBridge(page: string, world: World): string {
  const script = `<script src="/_forge/bridge.js" data-host="${world.links.origin}"></script>`;
  return page.replace(/<head>/i, (head) => head + script);
}

/** As Forge makes it for production (bitbucket-forge §6.2): nothing inline, no calls to anybody's server. */
function contentPolicy(world: World): string {
  const host = world.links.origin;
  return [
    "default-src 'self'",
    "script-src 'self'",
    `style-src 'self' ${host}`,
    `connect-src ${host}`,
    "img-src 'self' data: blob:",
    "font-src 'self'",
    `frame-src 'self' ${host}`,
    "form-action 'self'",
    `frame-ancestors ${host}`,
  ].join('; ');
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

function fileReply(
  extension: string,
  body: string | Buffer,
  headers: Record<string, string>,
): Reply {
  const type = types[extension] ?? 'application/octet-stream';
  const common = { 'Content-Type': type, 'Cache-Control': 'no-store' };
  return { status: 200, headers: { ...common, ...headers }, body };
}
