import type { Backend } from '../../core/backend.js';
import type { CoolifyOptions } from './coolify-api.js';
import { CoolifyBackend } from './coolify-backend.js';

/** A Coolify of the user's own. See docs/backends/coolify.md. */
export function createCoolifyBackend(options: CoolifyOptions): Backend {
  return new CoolifyBackend(options);
}
