import type { JsonObject, Json } from '../json.js';
import type { World } from '../world.js';
import { callRemote } from './call-remote.js';
import type { Visit } from './invocation-token.js';
import { endpointOf } from './manifest.js';

/** What a page's script hands to `invokeRemote`. */
export interface Invocation {
  path: string;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body: Json | undefined;
}

const timeoutMs = 25_000;
const maxRequestBytes = 500 * 1024;

/**
 * `invokeRemote` as the host page carries it out (bitbucket-forge §3.5, §6.3): JSON both ways, and a 401 or a body that is
 * no JSON rejects.
 */
export async function invoke(world: World, visit: Visit, call: Invocation): Promise<JsonObject> {
  const body = call.body === undefined ? '' : JSON.stringify(call.body);
  if (body.length > maxRequestBytes) return failed('the request is larger than 500 KB');
  if (!visit.installation.active) return failed('the app is not installed');
  let answer;
  try {
    answer = await callRemote(world, {
      installation: visit.installation,
      endpoint: endpointOf(visit.installation.manifest, visit.page.endpoint),
      visit,
      method: call.method,
      path: call.path,
      headers: call.headers,
      body,
      timeoutMs,
      signal: world.forge.deliveries.signal,
    });
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
  if (answer.status === 401) return failed('the remote did not accept the invocation token');
  const parsed = parse(answer.body);
  if (parsed === undefined) return failed(`the remote answered ${answer.status} without JSON`);
  const headers = Object.fromEntries(
    Object.entries(answer.headers).map(([name, value]) => [name, [value ?? ''].flat()]),
  );
  return { success: true, payload: { status: answer.status, headers, body: parsed } };
}

function failed(message: string): JsonObject {
  return { success: false, error: { message } };
}

/** undefined: neither JSON nor empty. */
function parse(text: string): Json | undefined {
  if (text === '') return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
