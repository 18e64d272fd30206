import { timingSafeEqual } from 'node:crypto';
import { Router } from 'express';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { ApiBudget, BreakerCounts, Measures, Workload } from '../../core/measures.js';
import { digest } from '../../lib/digest.js';

/** What is looked up when somebody asks. */
export interface MetricSources {
  workload(): Promise<Workload>;
  breakers(): BreakerCounts;
  budgets(): readonly ApiBudget[];
}

export interface Metrics {
  measures: Measures;
  registry: Registry;
}

/**
 * Labels are doors, answers, states, outcomes and kinds: few, and known beforehand. No name, address or secret of anybody
 * becomes a label, so neither the number of series nor what they tell grows with the installation.
 */
export function createMetrics(sources: () => MetricSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const deliveries = new Counter({
    name: 'slipway_deliveries_total',
    help: 'Event deliveries by door and by the status they were answered with.',
    labelNames: ['door', 'status'],
    registers,
  });
  const deployments = new Counter({
    name: 'slipway_deployments_ended_total',
    help: 'Deployments by the state they ended in, since this process began.',
    labelNames: ['state'],
    registers,
  });
  const attempts = new Counter({
    name: 'slipway_attempts_total',
    help: 'Calls to backends by what came of them, since this process began.',
    labelNames: ['outcome'],
    registers,
  });
  addGauges(registers, sources);
  return {
    registry,
    measures: {
      delivered: (door, status) => deliveries.inc({ door, status: String(status) }),
      deploymentEnded: (state) => deployments.inc({ state }),
      attemptEnded: (outcome) => attempts.inc({ outcome }),
    },
  };
}

function addGauges(registers: Registry[], sources: () => MetricSources): void {
  const statusesOwed = new Gauge({
    name: 'slipway_build_statuses_owed',
    help: 'Build statuses that are not yet on their commits.',
    registers,
  });
  new Gauge({
    name: 'slipway_lanes',
    help: 'Lanes that are due, run, or wait for their time.',
    labelNames: ['state'],
    registers,
    async collect() {
      const load = await sources().workload();
      this.set({ state: 'due' }, load.lanesDue);
      this.set({ state: 'running' }, load.lanesRunning);
      this.set({ state: 'waiting' }, load.lanesWaiting);
      statusesOwed.set(load.statusesOwed);
    },
  });
  new Gauge({
    name: 'slipway_breakers',
    help: 'Hosts of backends by the state of their breaker.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(sources().breakers())) this.set({ state }, count);
    },
  });
  addBudgetGauges(registers, sources);
}

function addBudgetGauges(registers: Registry[], sources: () => MetricSources): void {
  const byKind = (name: string, help: string, read: (budget: ApiBudget) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['kind'],
      registers,
      collect() {
        this.reset();
        for (const budget of sources().budgets()) this.set({ kind: budget.kind }, read(budget));
      },
    });
  };
  byKind(
    'slipway_bitbucket_credentials',
    'Credentials used for Bitbucket’s API within the last hour, by kind.',
    ({ credentials }) => credentials,
  );
  byKind(
    'slipway_bitbucket_budget_least_left',
    'Calls that the most used credential of a kind has left of its 1,000 an hour.',
    ({ leastLeft }) => leastLeft,
  );
  byKind(
    'slipway_bitbucket_credentials_paused',
    'Credentials that Bitbucket told to wait, by kind.',
    ({ paused }) => paused,
  );
}

/** `GET /metrics` for whoever has the token; without one configured it is not there at all. */
export function createMetricsRouter({ registry }: Metrics, token: string | null): Router {
  const router = Router();
  router.get('/metrics', (request, response, next) => {
    if (token === null) {
      next();
      return;
    }
    const given = /^Bearer (.+)$/i.exec(request.get('authorization') ?? '')?.[1];
    if (given === undefined || !same(given, token)) {
      response.status(401).set('WWW-Authenticate', 'Bearer').type('text').send('no token\n');
      return;
    }
    registry.metrics().then((text) => {
      response.set('Content-Type', registry.contentType).set('Cache-Control', 'no-store');
      response.send(text);
    }, next);
  });
  return router;
}

/** Of equal length by being hashed, so that the comparison tells nothing. */
function same(given: string, token: string): boolean {
  return timingSafeEqual(Buffer.from(digest(given)), Buffer.from(digest(token)));
}
