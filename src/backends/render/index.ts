import type { Backend } from '../../core/backend.js';
import type { RenderOptions } from './render-api.js';
import { RenderBackend } from './render-backend.js';

/** Render by its API. See docs/backends/render.md. */
export function createRenderBackend(options: RenderOptions): Backend {
  return new RenderBackend(options);
}
