import { randomUUID } from 'node:crypto';

import { textOf, type JsonObject } from '../json.js';
import type { Repository } from '../state/model.js';
import type { World } from '../world.js';
import { ForgeDeliveries } from './deliveries.js';
import { forgeEvents } from './events.js';
import type { Visit } from './invocation-token.js';
import { ForgeKeys } from './keys.js';
import { ForgeSchedules } from './schedules.js';
import { ForgeTokens } from './tokens.js';

/** Everything of Forge that is not kept over a restart. */
export class ForgePlatform {
  readonly keys = new ForgeKeys();
  readonly tokens: ForgeTokens;
  readonly deliveries: ForgeDeliveries;
  readonly schedules: ForgeSchedules;
  private readonly world: () => World;
  private readonly visits = new Map<string, Visit>();
  /** Events keep the order in which things happened, although they are made with a look at git in between. */
  private making: Promise<void> = Promise.resolve();

  constructor(world: () => World) {
    this.world = world;
    this.tokens = new ForgeTokens(world);
    this.deliveries = new ForgeDeliveries(world);
    this.schedules = new ForgeSchedules(world);
  }

  /** Something happened in a repository; `event` and `payload` as Connect is told of it. */
  publish(repository: Repository, event: string, payload: JsonObject): void {
    const world = this.world();
    const installed = world.state.forgeInstallations.filter(
      (one) => one.active && one.workspace_uuid === repository.workspace_uuid,
    );
    if (installed.length === 0) return;
    const name = world.state.fullName(repository);
    this.making = this.making.then(async () => {
      try {
        for (const body of await forgeEvents(world, repository, event, payload)) {
          for (const one of installed) {
            this.deliveries.trigger(one, textOf(body['eventType']), name, body);
          }
        }
      } catch (error) {
        world.log(`a Forge event could not be made: ${String(error)}`);
      }
    });
  }

  async idle(timeoutMs: number): Promise<boolean> {
    await this.making;
    return this.deliveries.idle(timeoutMs);
  }

  /** Somebody opened a page; what its script asks for from now on is asked in their name. */
  openVisit(visit: Visit): string {
    const id = randomUUID();
    this.visits.set(id, visit);
    return id;
  }

  visit(id: string): Visit | undefined {
    return this.visits.get(id);
  }

  clear(): void {
    this.visits.clear();
    this.deliveries.clear();
    this.schedules.clear();
  }

  stop(): void {
    this.schedules.clear();
    this.deliveries.stop();
  }
}
