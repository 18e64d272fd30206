import type { Backend } from '../../core/backend.js';
import type { DeployHookOptions } from './call-hook.js';
import { DeployHookBackend } from './deploy-hook-backend.js';

/** Any secret address that deploys when it is called. See docs/backends/deploy-hook.md. */
export function createDeployHookBackend(options: DeployHookOptions): Backend {
  return new DeployHookBackend(options);
}
