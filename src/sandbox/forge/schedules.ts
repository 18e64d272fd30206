import { textOf } from '../json.js';
import type { World } from '../world.js';
import type { ForgeDelivery } from './deliveries.js';
import { listAt } from './manifest.js';
import type { ForgeInstallation } from './model.js';

/** `scheduledTrigger`: first some minutes after the install, then again and again; never retried (bitbucket-forge §3.6). */
export class ForgeSchedules {
  private readonly world: () => World;
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor(world: () => World) {
    this.world = world;
  }

  start(installation: ForgeInstallation): void {
    this.plan(installation, this.world().state.settings.forge_schedule_first_ms);
  }

  stop(installation: ForgeInstallation): void {
    clearTimeout(this.timers.get(installation.id));
    this.timers.delete(installation.id);
  }

  clear(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  /** What a tick does; the control API can ask for one. */
  async run(installation: ForgeInstallation): Promise<ForgeDelivery[]> {
    const { deliveries } = this.world().forge;
    const modules = listAt(installation.manifest, 'modules', 'scheduledTrigger');
    return Promise.all(
      modules.map(({ key, endpoint }) => {
        const body = { context: { moduleKey: textOf(key) } };
        return deliveries.callOnce(installation, 'schedule', textOf(endpoint), body);
      }),
    );
  }

  private plan(installation: ForgeInstallation, afterMs: number): void {
    const timer = setTimeout(() => {
      this.plan(installation, this.world().state.settings.forge_schedule_ms);
      this.run(installation).catch((error: unknown) => {
        this.world().log(`a Forge schedule was not called: ${String(error)}`);
      });
    }, afterMs);
    timer.unref();
    this.timers.set(installation.id, timer);
  }
}
