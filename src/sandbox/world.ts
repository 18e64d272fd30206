import type { Clock } from './clock.js';
import type { Deliverer } from './events/deliverer.js';
import type { Faults } from './faults.js';
import type { ForgePlatform } from './forge/platform.js';
import type { GitRepositories } from './git/git-repositories.js';
import type { Journal } from './journal.js';
import type { CommitContext } from './shapes/commits.js';
import type { PendingAuthorizations } from './oauth/authorize.js';
import type { RateLimits } from './rate-limits.js';
import type { Links } from './shapes/links.js';
import type { Repository } from './state/model.js';
import type { State } from './state/state.js';

/** Every collaborator of one running sandbox; built once in `server.ts`. */
export interface World {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly state: State;
  readonly git: GitRepositories;
  readonly links: Links;
  readonly journal: Journal;
  readonly faults: Faults;
  readonly deliverer: Deliverer;
  readonly rateLimits: RateLimits;
  /** Authorize pages that somebody looks at. */
  readonly authorizations: PendingAuthorizations;
  readonly forge: ForgePlatform;
  readonly log: (line: string) => void;
}

export function commitContext(world: World, repository: Repository): CommitContext {
  return {
    links: world.links,
    fullName: world.state.fullName(repository),
    userByEmail: (email) => world.state.userByEmail(email),
  };
}
