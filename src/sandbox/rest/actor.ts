import type { JsonObject } from '../json.js';
import { accountShape, appUserShape, userShape } from '../shapes/accounts.js';
import type { World } from '../world.js';
import type { Caller } from './caller.js';

/** The `actor` of an event that a caller of the API or of git has caused. */
export function actorOf(world: World, caller: Caller): JsonObject | null {
  if (caller.kind === 'user') return userShape(world.links, caller.user);
  if (caller.kind === 'app') return accountShape(world.links, caller.app);
  if (caller.kind === 'installation') return appUserShape(world.links, caller.installation);
  return null;
}
