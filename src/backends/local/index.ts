import type { Backend } from '../../core/backend.js';
import { LocalBackend } from './local-backend.js';
import type { LocalBackendOptions } from './options.js';

export { isolationSentence, localIsolation, type Isolation } from './isolation.js';
export type { LocalBackendOptions, LocalLimits } from './options.js';

/** The backend that needs no other service: builds on this machine and serves here. See docs/backends/local.md. */
export function createLocalBackend(options: LocalBackendOptions): Backend {
  return new LocalBackend(options);
}
