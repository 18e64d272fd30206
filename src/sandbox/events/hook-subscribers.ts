import { createHmac } from 'node:crypto';

import { withoutBraces } from '../ids.js';
import type { Repository, Webhook } from '../state/model.js';
import type { World } from '../world.js';
import type { Subscriber } from './subscribers.js';

/** The repository's webhooks, and those of its workspace, which get the same (§4.8). */
export function hookSubscribers(world: World, repository: Repository, event: string): Subscriber[] {
  const { state } = world;
  return [...state.hooksOf(repository.uuid), ...state.hooksOf(repository.workspace_uuid)]
    .filter((hook) => hook.active && hook.events.includes(event))
    .map((hook) => hookSubscriber(world, hook, event));
}

function hookSubscriber(world: World, hook: Webhook, event: string): Subscriber {
  const known = { ...hook };
  return {
    hookUuid: withoutBraces(hook.uuid),
    url: hook.url,
    owner: hook.description || 'webhook',
    body: (_event, payload) => payload,
    authorization: (body) => {
      const outlives = event === 'repo:deleted' && world.state.settings.deleted_reaches_hooks;
      const current = world.state.hook(hook.uuid) ?? (outlives ? known : undefined);
      return current ? signature(current.secret, body) : null;
    },
  };
}

/** Over the bytes of the JSON, before any compression (§5.2). */
function signature(secret: string | null, body: string): Record<string, string> {
  if (secret === null) return {};
  const digest = createHmac('sha256', secret).update(body).digest('hex');
  return { 'X-Hub-Signature': `sha256=${digest}` };
}
