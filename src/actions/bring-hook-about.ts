import { BitbucketError, StateError } from '../core/errors.js';
import { hookDescription, hookEvents, mostHooks } from '../core/hooks/explain.js';
import type { Hook, HookHealth, Repository } from '../core/model/index.js';
import type { Bitbucket, RemoteHook } from '../core/ports.js';
import { inSomebodysName, type HookPort, type InWhoseName } from './hook-access.js';

/** Ours are known by their address: it is unguessable, and survives whatever else somebody changes. */
export function leadingToUs(remote: readonly RemoteHook[], url: string): RemoteHook[] {
  return remote.filter((one) => one.url === url);
}

export interface BroughtAbout {
  remoteUuid: string;
  /** In whose name it went. */
  name: InWhoseName;
}

/**
 * Makes Bitbucket have exactly one webhook that leads to `url`, on, with all events and this secret: one that is there is adopted
 * and mended, others that lead there are removed, and only when there is none it is created.
 *
 * @throws StateError `hook_limit_reached`; what the port throws
 */
export async function bringHookAbout(
  wish: {
    repository: Repository;
    url: string;
    secret: string;
    names: readonly (InWhoseName | undefined)[];
  },
  bitbucket: HookPort,
): Promise<BroughtAbout> {
  const { repository, url, secret } = wish;
  const spec = { url, description: hookDescription, active: true, events: hookEvents, secret };
  return inSomebodysName(wish.names, async (name) => {
    const all = await bitbucket.hooks(repository, name);
    const [kept, ...others] = leadingToUs(all, url);
    for (const { uuid } of others) await bitbucket.deleteHook(repository, uuid, name);
    if (kept) {
      await bitbucket.updateHook(repository, kept.uuid, spec, name);
      return { remoteUuid: kept.uuid, name };
    }
    if (all.length >= mostHooks) throw new StateError('hook_limit_reached');
    const { uuid } = await bitbucket.createHook(repository, spec, name);
    // A create that was repeated after a lost answer, or two admins at once, may have made another: it would tell every push twice.
    const again = leadingToUs(await bitbucket.hooks(repository, name), url);
    for (const other of again.filter((one) => one.uuid !== uuid)) {
      await bitbucket.deleteHook(repository, other.uuid, name);
    }
    return { remoteUuid: uuid, name };
  });
}

/** False: Bitbucket had none, or does not have the repository any more. */
export async function takeHookAway(
  wish: { repository: Repository; url: string; names: readonly (InWhoseName | undefined)[] },
  bitbucket: HookPort,
): Promise<boolean> {
  try {
    return await inSomebodysName(wish.names, async (name) => {
      const ours = leadingToUs(await bitbucket.hooks(wish.repository, name), wish.url);
      for (const { uuid } of ours) await bitbucket.deleteHook(wish.repository, uuid, name);
      return ours.length > 0;
    });
  } catch (error) {
    if (error instanceof BitbucketError && error.code === 'repository_gone') return false;
    throw error;
  }
}

/** What Bitbucket has, compared with what it should have. The secret itself cannot be read back. */
export function judgeHook(
  hook: Pick<Hook, 'events'>,
  remote: readonly RemoteHook[],
  url: string,
  now: number,
): HookHealth {
  const ours = leadingToUs(remote, url);
  const [first] = ours;
  const missing = hook.events.filter((event) => first && !first.events.includes(event));
  const problem = !first
    ? 'missing'
    : ours.length > 1
      ? 'doubled'
      : !first.active
        ? 'inactive'
        : missing.length > 0
          ? 'events_missing'
          : first.secretSet === false
            ? 'unsigned'
            : null;
  const detail = problem === 'events_missing' ? missing.join(', ') : null;
  return { checkedAt: now, problem, detail };
}

export type HookBitbucket = HookPort & Pick<Bitbucket, 'repository' | 'whereabouts'>;
