import type { RequestHandler } from 'express';
import type { Clock } from '../../core/ports.js';
import type { PanelServices } from './panel-services.js';
import type { OwnKeys } from './session.js';

export interface PanelDeps {
  services: PanelServices;
  /** 32 bytes each, of our own, never a shared secret of an installation. */
  sessionKeys: OwnKeys;
  clock: Clock;
  /** Lets only a fresh iframe JWT through and leaves a `PanelIdentity` in `res.locals.panel`. */
  authenticate: RequestHandler[];
  /** The same for the page of everybody who can read the repository. */
  authenticateReader: RequestHandler[];
  /** Where browsers reach us, without a slash at the end. */
  baseUrl: string;
  bitbucketUrl: string;
}

/** Where links of a fragment lead; absolute, because a fragment may be shown in a frame of another origin. */
export interface Places {
  baseUrl: string;
  bitbucketUrl: string;
}

export function trimPlaces(deps: Places): Places {
  const trim = (url: string): string => url.replace(/\/+$/, '');
  return { baseUrl: trim(deps.baseUrl), bitbucketUrl: trim(deps.bitbucketUrl) };
}
