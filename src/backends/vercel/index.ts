import type { Backend } from '../../core/backend.js';
import type { VercelOptions } from './vercel-api.js';
import { VercelBackend } from './vercel-backend.js';

/** Vercel by its API. See docs/backends/vercel.md. */
export function createVercelBackend(options: VercelOptions): Backend {
  return new VercelBackend(options);
}
