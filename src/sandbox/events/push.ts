import { adoptMainBranch, compareRefs, listRefs, type Ref, type RefChange } from '../git/refs.js';
import type { JsonObject } from '../json.js';
import type { Repository } from '../state/model.js';
import type { World } from '../world.js';
import { publish } from './publish.js';
import { pushPayload } from './push-payload.js';

/** Announces what a push has changed. `order` keeps the order in which refs were named. */
export async function announcePush(
  world: World,
  repository: Repository,
  actor: JsonObject | null,
  before: readonly Ref[],
  order: readonly { type: string; name: string }[] = [],
): Promise<{ changes: RefChange[]; deliveries: string[] }> {
  const after = await listRefs(world.git, repository);
  const found = compareRefs(before, after);
  const position = (change: RefChange) => {
    const index = order.findIndex((o) => o.type === change.type && o.name === change.name);
    return index < 0 ? order.length : index;
  };
  const changes = found.toSorted((a, b) => position(a) - position(b));
  if (changes.length === 0) return { changes, deliveries: [] };
  await adoptMainBranch(world.git, repository, after, changes);
  repository.updated_on = world.clock.timestamp();
  world.state.changed();
  const payload = await pushPayload(world, repository, actor, changes);
  const deliveries = publish(world, repository, 'repo:push', payload);
  for (const change of changes) {
    world.log(
      `push to ${world.state.fullName(repository)}: ${change.type} ${change.name} ` +
        `${short(change.old)} → ${short(change.new)}`,
    );
  }
  return { changes, deliveries };
}

function short(ref: Ref | null): string {
  return ref ? ref.commit.slice(0, 8) : '(none)';
}
