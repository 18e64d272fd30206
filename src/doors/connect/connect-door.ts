import { Router, type RequestHandler } from 'express';
import type { Clock, Logger, Storage, Vault } from '../../core/ports.js';
import type { EventDoor } from '../event-door.js';
import { createAceStore } from './ace-store.js';
import { createAce } from './ace.js';
import { readDescriptor, withForgeTwin, type ForgeTwin } from './descriptor.js';
import { createConnectEventDoor } from './event-door.js';
import { createLifecycleRouter, type ConnectLifecycle } from './lifecycle.js';
import { connectPanelAuth } from './panel-auth.js';
import { createConnectTenants } from './tenants.js';
import { createConnectVerifier } from './verify.js';

export interface ConnectDoorOptions {
  /** Our public address as Bitbucket reaches it. */
  baseUrl: string;
  appKey: string;
  /** The Forge app that takes over; null: none. */
  forge?: ForgeTwin | null;
  /** https://bitbucket.org */
  bitbucketUrl: string;
  storage: Pick<Storage, 'read'>;
  vault: Vault;
  clock: Clock;
  logger: Logger;
  lifecycle: ConnectLifecycle;
  /** Called after an installation changed, with its workspace: tokens got with the old secret are worthless. */
  onInstallationChange?: (workspaceUuid: string) => void;
}

export interface ConnectDoor {
  /** For the intake on the bare `http.Server`. */
  events: EventDoor;
  /** Descriptor and lifecycle, on their full paths; mount it at the root of the main application. */
  router: Router;
  /** Goes before the repository's page that Bitbucket loads in its iframe. */
  panelAuth: RequestHandler[];
  /** The same before the page of everybody who can read the repository (`repoPages`). */
  overviewAuth: RequestHandler[];
  /** The same before the workspace's page (`configurePage`). */
  workspaceAuth: RequestHandler[];
  /** The descriptor is served from here on (ACE adds its route a tick after construction). */
  ready: Promise<void>;
  /** An installation was changed by something else than this door's lifecycle calls: forget what is cached of it. */
  forgetInstallation(clientKey: string): void;
}

/** Everything of Connect in one place. Throws `ConfigError` when ACE's environment variables would weaken it. */
export function createConnectDoor(options: ConnectDoorOptions): ConnectDoor {
  const { appKey, bitbucketUrl, logger, lifecycle } = options;
  const tenants = createConnectTenants(options);
  const verifier = createConnectVerifier({ tenants, clock: options.clock });
  const ace = createAce({
    descriptor: withForgeTwin(readDescriptor(options), options.forge ?? null),
    baseUrl: options.baseUrl,
    bitbucketUrl,
    store: createAceStore({ tenants, appKey, bitbucketUrl }),
    logger,
  });
  const lifecycleRouter = createLifecycleRouter({
    ...{ lifecycle, verifier, tenants, ace, appKey, bitbucketUrl, logger },
    ...(options.onInstallationChange ? { onChange: options.onInstallationChange } : {}),
  });
  const router = Router();
  router.use(lifecycleRouter);
  // The one route ACE serves. Falling through an application inside a router would leave its `res.app` behind for the rest.
  router.get('/atlassian-connect.json', (request, response, next) => {
    ace.app(request, response, next);
  });
  return {
    events: createConnectEventDoor({ verifier }),
    router,
    panelAuth: connectPanelAuth({ verifier, ace, logger }),
    overviewAuth: connectPanelAuth({ verifier, ace, logger }, 'overview'),
    workspaceAuth: connectPanelAuth({ verifier, ace, logger }, 'workspace'),
    ready: ace.ready,
    forgetInstallation: (clientKey) => {
      tenants.forget(clientKey);
    },
  };
}
