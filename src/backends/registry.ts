import { ConfigError } from '../core/errors.js';
import type { Backend, NotifyProgress } from '../core/backend.js';
import type { Clock, Logger } from '../core/ports.js';
import type { OutboundHttp } from '../lib/outbound-http.js';
import { createCoolifyBackend } from './coolify/index.js';
import { createDeployHookBackend } from './deploy-hook/index.js';
import { createDigitalOceanBackend } from './digitalocean/index.js';
import { createLocalBackend } from './local/index.js';
import { createRenderBackend } from './render/index.js';
import {
  createSignedWebhookBackend,
  signingSecrets,
  type ReceiverReports,
} from './signed-webhook/index.js';
import { createVercelBackend } from './vercel/index.js';

/** Origins of vendors' APIs; elsewhere than at the vendor's only for tests and the demo. */
export interface VendorUrls {
  digitalocean: string;
}

export interface BackendOptions {
  dataDir: string;
  /** Host that people reach this machine by. */
  publicHost: string;
  /** Where served sites listen. */
  listenHost: string;
  allowPlainHttpGit: boolean;
  /** Other machines may share the database. */
  isOneOfSeveral?: boolean;
  /** The local backend runs other people's code: off unless the operator wants it. */
  localBackend: boolean;
  /** Ids the operator allows; null = all. */
  allowed: readonly string[] | null;
  /** The guarded client, for addresses that users type. */
  http: OutboundHttp;
  /** The client for vendors' fixed API hosts. */
  vendorHttp: OutboundHttp;
  vendorUrls: VendorUrls;
  /** Our own public origin. */
  baseUrl: string;
  reports: ReceiverReports;
  offerCredential(deploymentId: string, fencing: number): Promise<string>;
  newId(): string;
  notify: NotifyProgress;
  clock: Clock;
  logger: Logger;
}

/** Every backend there is, in the order the panel shows them. A test compares this list with the folders and the docs. */
const registry: readonly {
  id: string;
  /** Null: switched off here. */
  create: (options: BackendOptions) => Backend | null;
}[] = [
  {
    id: 'local',
    create: (options) => (options.localBackend ? createLocalBackend(options) : null),
  },
  {
    id: 'digitalocean',
    create: ({ vendorUrls, ...options }) =>
      createDigitalOceanBackend({ ...options, digitaloceanUrl: vendorUrls.digitalocean }),
  },
  { id: 'render', create: createRenderBackend },
  { id: 'vercel', create: createVercelBackend },
  { id: 'coolify', create: createCoolifyBackend },
  { id: 'deploy-hook', create: createDeployHookBackend },
  { id: 'signed-webhook', create: createSignedWebhookBackend },
];

export const backendIds: readonly string[] = registry.map(({ id }) => id);

/** Those that are switched on here. Throws `ConfigError` for a name that is none. */
export function createBackends(options: BackendOptions): Backend[] {
  const { allowed } = options;
  const unknown = allowed?.filter((id) => !backendIds.includes(id)) ?? [];
  if (unknown.length > 0) {
    throw new ConfigError([
      `SLIPWAY_BACKENDS names ${unknown.join(', ')}; there are: ${backendIds.join(', ')}.`,
    ]);
  }
  return registry
    .filter(({ id }) => allowed?.includes(id) ?? true)
    .map(({ create }) => create(options))
    .filter((backend) => backend !== null);
}

/** What a target's receiver signs its calls to us with; none where the backend takes no calls. */
export function callbackSecrets(
  backend: string,
  secrets: Readonly<Record<string, unknown>>,
): readonly string[] {
  return backend === 'signed-webhook' ? signingSecrets(secrets) : [];
}
