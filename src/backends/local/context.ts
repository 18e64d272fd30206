import type { BuildSlots } from './build-slots.js';
import type { Isolation } from './isolation.js';
import type { LocalBackendOptions, LocalLimits } from './options.js';
import type { UserRegistry } from './user-registry.js';

/** What every target of this backend shares. */
export interface LocalContext {
  options: LocalBackendOptions;
  limits: LocalLimits;
  isolation: Isolation;
  filesRoot: string;
  /** Null: no separate users here. */
  users: UserRegistry | null;
  buildSlots: BuildSlots;
  toolEnvironment: Readonly<Record<string, string>>;
}
