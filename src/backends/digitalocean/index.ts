import type { Backend } from '../../core/backend.js';
import { DigitalOceanBackend, type DigitalOceanOptions } from './digitalocean-backend.js';

export type { DigitalOceanOptions } from './digitalocean-backend.js';

/** The backend for DigitalOcean App Platform. See docs/backends/digitalocean.md. */
export function createDigitalOceanBackend(options: DigitalOceanOptions): Backend {
  return new DigitalOceanBackend(options);
}
