import type { Config } from '../config/config.js';
import type { Clock, Ids, Logger, Vault } from '../core/ports.js';
import type { OpenStorage } from '../storage/storage.js';

/** What nearly everything needs. */
export interface Basics {
  config: Readonly<Config>;
  baseUrl: string;
  logger: Logger;
  clock: Clock;
  ids: Ids;
  random: () => number;
  storage: OpenStorage;
  vault: Vault;
}
