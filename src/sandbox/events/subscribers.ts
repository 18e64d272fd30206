import { appUrl, bitbucketJwt } from '../connect/sign-request.js';
import { hookSubscribers } from './hook-subscribers.js';
import { isObject, type Json, type JsonObject } from '../json.js';
import { withoutBraces } from '../ids.js';
import type { Repository } from '../state/model.js';
import type { World } from '../world.js';

/** Somebody who gets an event: an app by its descriptor, or a webhook. */
export interface Subscriber {
  /** Without braces, as in the header (bitbucket-api §5.1). */
  hookUuid: string;
  url: string;
  /** Shown in the list of deliveries. */
  owner: string;
  body(event: string, payload: JsonObject): JsonObject;
  /** Headers, made anew for every attempt; null when the subscriber no longer exists. */
  authorization(body: string): Record<string, string> | null;
}

export function subscribers(world: World, repository: Repository, event: string): Subscriber[] {
  return [
    ...connectSubscribers(world, repository, event),
    ...hookSubscribers(world, repository, event),
  ];
}

function connectSubscribers(world: World, repository: Repository, event: string): Subscriber[] {
  return world.state.installations
    .filter((i) => i.active && i.workspace_uuid === repository.workspace_uuid)
    .flatMap((installation) =>
      webhookModules(installation.descriptor).flatMap((hook, index) => {
        const uuid = installation.hook_uuids[index];
        if (uuid === undefined || (hook.event !== event && hook.event !== '*')) return [];
        return [connectSubscriber(world, installation.client_key, uuid, hook.url)];
      }),
    );
}

function connectSubscriber(
  world: World,
  clientKey: string,
  uuid: string,
  path: string,
): Subscriber {
  const find = () => world.state.installation(clientKey);
  const first = find();
  const url = first ? appUrl(first, path) : path;
  return {
    hookUuid: withoutBraces(uuid),
    url,
    owner: clientKey,
    body: (event, payload) =>
      world.state.settings.event_wrapper ? { event, data: payload } : payload,
    authorization: () => {
      const installation = find();
      if (!installation?.active) return null;
      const { secret } = installation;
      const jwt = bitbucketJwt(world, installation, { method: 'POST', url, secret });
      return { Authorization: `JWT ${jwt}` };
    },
  };
}

export interface WebhookModule {
  event: string;
  url: string;
}

export function webhookModules(descriptor: JsonObject): WebhookModule[] {
  const modules = descriptor['modules'];
  const list: Json | undefined = isObject(modules) ? modules['webhooks'] : undefined;
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry) => {
    if (!isObject(entry)) return [];
    const { event, url } = entry;
    return typeof event === 'string' && typeof url === 'string' ? [{ event, url }] : [];
  });
}
