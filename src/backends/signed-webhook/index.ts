import type { Backend } from '../../core/backend.js';
import type { SignedWebhookOptions } from './ports.js';
import { SignedWebhookBackend } from './signed-webhook-backend.js';

export type { LatestReport, ReceiverReports, SignedWebhookOptions } from './ports.js';
export { signingSecrets } from './settings.js';

/** The backend for a receiver of one's own. See docs/backends/signed-webhook.md. */
export function createSignedWebhookBackend(options: SignedWebhookOptions): Backend {
  return new SignedWebhookBackend(options);
}
