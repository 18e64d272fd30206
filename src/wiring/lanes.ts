import { reconcileDue } from '../actions/reconcile.js';
import { createStatusReporter } from '../actions/report-status.js';
import type { Step } from '../actions/plan-lanes.js';
import type { LaneDeps, LaneRouting, Lanes } from '../actions/step-lane.js';
import type { Backend } from '../core/backend.js';
import { Breakers } from '../core/delivery/breaker.js';
import { HostSlots } from '../core/delivery/host-slots.js';
import { digest } from '../lib/digest.js';
import { matchesPathPattern, matchesRefPattern } from '../lib/patterns.js';
import { Worker, type BackgroundJob } from '../queue/worker.js';
import type { BitbucketClients } from './bitbucket.js';
import type { Basics } from './basics.js';

export type LaneWorker = Worker<Step>;

/** Most of them wait for somebody's network; builds on this machine have slots of their own. */
const lanesAtOnce = 96;
const callsAtOncePerHost = 32;
const statusesAtOnce = 48;
/** Nobody notices, and the calls of backends go first. */
const statusGatherMs = 50;
const repositoriesAtOnce = 4;
export const statusJob = 'build statuses';

export function laneDeps(
  basics: Basics,
  bitbucket: BitbucketClients,
  backends: readonly Backend[],
  statusesDue: () => void,
): Omit<LaneDeps, 'node'> & { routing: LaneRouting } {
  const backend = (id: string): Backend | null => backends.find((each) => each.id === id) ?? null;
  const routing: LaneRouting = {
    matches: matchesRefPattern,
    matchesPath: matchesPathPattern,
    backendFacts(id) {
      const found = backend(id);
      return found && { label: found.label, tags: found.capabilities.tags };
    },
  };
  return {
    ...basics,
    bitbucket: bitbucket.prompt,
    backend,
    breakers: new Breakers(),
    slots: new HostSlots(callsAtOncePerHost),
    statusesDue,
    routing,
    pageUrl: (token) => `${basics.baseUrl}/d/${token}`,
  };
}

export function createWorker(
  basics: Basics,
  lanes: LaneDeps & { stepping: Lanes },
  bitbucket: BitbucketClients,
  more: readonly BackgroundJob[],
): LaneWorker {
  const { storage, clock, logger } = basics;
  const reports = { ...basics, bitbucket: bitbucket.background };
  const waker = { wake: () => worker.wake() };
  const reconcile = { ...reports, ...lanes.routing, digest, waker };
  const reportStatuses = createStatusReporter(reports);
  const worker: LaneWorker = new Worker({
    storage,
    lanes: lanes.stepping,
    background: [
      { name: statusJob, gatherMs: statusGatherMs, run: () => reportStatuses(statusesAtOnce) },
      { name: 'reconcile', run: () => reconcileDue(reconcile, repositoriesAtOnce) },
      ...more,
    ],
    clock,
    logger,
    concurrency: lanesAtOnce,
  });
  return worker;
}
