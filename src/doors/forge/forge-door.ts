import type { Router } from 'express';
import type { ForgeCallFacts, NotedForgeCall } from '../../actions/note-forge-call.js';
import type { Clock, Logger } from '../../core/ports.js';
import type { OutboundHttp } from '../../lib/outbound-http.js';
import type { EventDoor } from '../event-door.js';
import { createForgeCalls, type ForgeCalls } from './calls.js';
import { createForgeEventDoors } from './event-door.js';
import { createForgeKeySet } from './key-set.js';
import { createForgeCallRoutes } from './routes.js';
import { createInvocationVerifier } from './verify.js';

export interface ForgeDoorOptions {
  appId: string;
  environments: readonly string[];
  jwksUrl: string;
  http: Pick<OutboundHttp, 'send'>;
  note(facts: ForgeCallFacts): Promise<NotedForgeCall>;
  onTokenChange(workspaceUuid: string): void;
  clock: Clock;
  logger: Logger;
}

export interface ForgeDoor {
  /** For the intake on the bare `http.Server`. */
  events: EventDoor[];
  router: Router;
  calls: ForgeCalls;
}

/** Everything of Forge that lets something in, under `/forge/`. */
export function createForgeDoor(options: ForgeDoorOptions): ForgeDoor {
  const { appId, environments, clock, logger } = options;
  const keys = createForgeKeySet({ url: options.jwksUrl, http: options.http, clock });
  const verify = createInvocationVerifier({ appId, environments, keys, clock });
  const calls = createForgeCalls({ ...options, verify });
  return {
    calls,
    events: createForgeEventDoors({ calls }),
    router: createForgeCallRoutes({ calls, logger }),
  };
}
