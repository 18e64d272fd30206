import type { JsonObject } from '../json.js';
import type { Repository } from '../state/model.js';
import type { World } from '../world.js';
import { subscribers } from './subscribers.js';

/** Hands an event to everybody who wants it; returns the delivery ids. */
export function publish(
  world: World,
  repository: Repository,
  event: string,
  payload: JsonObject,
): string[] {
  world.forge.publish(repository, event, payload);
  const name = world.state.fullName(repository);
  return subscribers(world, repository, event).flatMap((subscriber) =>
    world.deliverer.deliver(subscriber, event, name, payload),
  );
}
