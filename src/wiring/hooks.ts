import { checkDueHooks, checkHook } from '../actions/check-hooks.js';
import { ensureHook, removeHook, type HookWish } from '../actions/manage-hook.js';
import type { Hook, HookHealth } from '../core/model/index.js';
import type { Bitbucket, Clock, Ids, Logger, Storage, Vault } from '../core/ports.js';
import type { EventDoor } from '../doors/event-door.js';
import { createHookEventDoor } from '../doors/hooks/event-door.js';
import { createHookKeys } from '../doors/hooks/hook-keys.js';
import { createPace } from '../lib/pace.js';

export interface HookParts {
  door: EventDoor;
  /** Enables, repairs, and gives a new secret: all the same work. */
  ensure(wish: HookWish): Promise<Hook>;
  remove(wish: HookWish): ReturnType<typeof removeHook>;
  check(wish: HookWish): Promise<HookHealth | null>;
  job: { readonly name: string; dueAt(): number; run(): Promise<number> };
}

const checksAtOnce = 4;
/** The queue of checks is looked at so often; each hook has its own turn every few hours. */
const lookEveryMs = 30_000;

/** Webhooks of our own making: the door they knock at, and their management. */
export function createHookParts(basics: {
  baseUrl: string;
  storage: Storage;
  vault: Vault;
  clock: Clock;
  ids: Ids;
  random(): number;
  logger: Logger;
  bitbucket: { prompt: Bitbucket; background: Bitbucket };
}): HookParts {
  const { baseUrl, storage, clock, bitbucket } = basics;
  const keys = createHookKeys(basics);
  const shared = {
    ...basics,
    hookUrl: (hookId: string) => `${baseUrl.replace(/\/$/, '')}/hooks/${hookId}`,
    onHookChange: (hookId: string) => keys.forget(hookId),
  };
  const now = { ...shared, bitbucket: bitbucket.prompt };
  const pace = createPace(lookEveryMs, clock);
  return {
    door: createHookEventDoor({ keys, clock }),
    ensure: (wish) => ensureHook(wish, now),
    remove: (wish) => removeHook(wish, now),
    check: async ({ repository, by }) => {
      const hook = await storage.read.hooks.ofRepository(repository.id);
      return hook?.state === 'active' ? checkHook(hook, repository, now, by) : null;
    },
    job: {
      name: 'hook checks',
      dueAt: pace.dueAt,
      run: async () => {
        pace.take();
        return checkDueHooks({ ...shared, bitbucket: bitbucket.background }, checksAtOnce);
      },
    },
  };
}
