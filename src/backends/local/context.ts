import type { BuildSlots } from './build-slots.js';
import type { Isolation } from './isolation.js';
import type { LocalBackendOptions, LocalLimits } from './options.js';
import type { UserSlots } from './users.js';

/** What every target of this backend shares. */
export interface LocalContext {
  options: LocalBackendOptions;
  limits: LocalLimits;
  isolation: Isolation;
  filesRoot: string;
  userSlots: UserSlots;
  buildSlots: BuildSlots;
  toolEnvironment: Readonly<Record<string, string>>;
}
