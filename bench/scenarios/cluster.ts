import { chmodSync } from 'node:fs';
import { emptyDatabase, openDemoDatabase } from '../../src/demo/database.js';
import { startFakeBitbucket, type FakeBitbucket } from '../lib/fake-bitbucket.js';
import { assertClean, burst, closedLoop, type LoadResult } from '../lib/load.js';
import { freePort, tempFolder, type Running } from '../lib/process.js';
import { Pushes, repos, type Carrier } from '../lib/pushes.js';
import { Receiver } from '../lib/receiver.js';
import { figureOf, print, ratio, say, shown, table, type Report } from '../lib/report.js';
import { seed } from '../lib/seed.js';
import { startSlipway } from '../lib/slipway.js';
import type { Effort } from './intake.js';

const few = 64;
/** Enough for two nodes, each of which waits for the other's commits. */
const many = 256;
const branches = ['main', 'develop', 'feature/a', 'feature/b', 'feature/c'];
const events: Carrier = { kind: 'connect', path: '/connect/events' };

/** Nodes that take pushes together, and what is pushed to them. */
interface Place {
  name: string;
  nodes: Running[];
  /** Of all its nodes together. */
  connections: number;
  /** One for each node: a connection sends one push after the other. */
  pushes: Pushes[];
}

/**
 * The same push on SQLite and on PostgreSQL, the server of which runs on the same cores: recorded only, and deployed, with the
 * wake-ups that this takes. Then two nodes beside one.
 */
export async function benchCluster(effort: Effort, report: Report): Promise<void> {
  say('cluster: starting PostgreSQL and servers');
  const folder = tempFolder('postgres');
  // It may run as a user of its own.
  chmodSync(folder, 0o711);
  const heads = new Map<string, Map<string, string>>();
  const bitbucket = await startFakeBitbucket(heads);
  const receiver = new Receiver(await freePort());
  await receiver.up();
  const opened: { stop(): Promise<void> }[] = [];
  try {
    const postgres = await openDemoDatabase(folder);
    opened.push({ stop: () => postgres.close() });
    const server = postgres.url;
    const places = await openPlaces({ server, bitbucket, receiver, heads }, opened);
    const results = await measure(places, effort);
    tell(places, results, effort, report);
  } finally {
    for (const one of [...opened].reverse()) await one.stop();
    await receiver.down();
    await bitbucket.close();
  }
}

type Name = 'recorded' | 'deployed' | 'pgRecorded' | 'pgDeployed' | 'pgParted' | 'pgOne' | 'pgTwo';

interface World {
  /** Of PostgreSQL. */
  server: string;
  bitbucket: FakeBitbucket;
  receiver: Receiver;
  heads: Map<string, Map<string, string>>;
}

async function openPlaces(
  { server, bitbucket, receiver, heads }: World,
  opened: { stop(): Promise<void> }[],
): Promise<Record<Name, Place>> {
  const quiet = { branchPattern: 'release/*', receiver: receiver.url };
  const busy = { branchPattern: '**', receiver: receiver.url };
  const open = async (
    name: string,
    target: typeof quiet,
    roles: readonly string[] | null,
  ): Promise<Place> => {
    const over = repos(200, name.replace(/\W+/g, '-').toLowerCase());
    const first = tempFolder('cluster');
    let database: string | null = null;
    if (roles) {
      const made = await emptyDatabase(server);
      opened.push({ stop: () => made.close() });
      database = made.url;
    }
    await seed(first, [{ repos: over, ...target }], database);
    const nodes: Running[] = [];
    for (const [index, role] of (roles ?? ['web,worker']).entries()) {
      const node = await startSlipway({
        ...{ name: `${name} ${index + 1}`, bitbucket },
        dataDir: index === 0 ? first : tempFolder('cluster'),
        env: database === null ? {} : { DATABASE_URL: database, SLIPWAY_ROLES: role },
      });
      opened.push(node);
      if (role.includes('web')) nodes.push(node);
    }
    const part = Math.ceil(over.length / nodes.length);
    const pushes = nodes.map(
      (_, index) =>
        new Pushes(events, over.slice(index * part, (index + 1) * part), branches, heads),
    );
    return { name, nodes, pushes, connections: few };
  };
  const both = 'web,worker';
  const pgRecorded = await open('PostgreSQL, recorded', quiet, [both]);
  const pgTwo = await open('PostgreSQL, recorded, two nodes', quiet, [both, both]);
  return {
    recorded: await open('SQLite, recorded', quiet, null),
    pgRecorded,
    pgOne: { ...pgRecorded, connections: many },
    pgTwo: { ...pgTwo, connections: many },
    deployed: await open('SQLite, deployed', busy, null),
    pgDeployed: await open('PostgreSQL, deployed', busy, ['web,worker']),
    pgParted: await open('PostgreSQL, deployed by another node', busy, ['web', 'worker']),
  };
}

async function measure(
  places: Record<Name, Place>,
  effort: Effort,
): Promise<Record<Name, LoadResult[]>> {
  const names = Object.keys(places) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    LoadResult[]
  >;
  for (const name of names) {
    for (const [index, { port }] of places[name].nodes.entries()) {
      const pushes = places[name].pushes[index];
      if (!pushes) continue;
      const load = { port, connections: 8, count: pushes.chains, next: pushes.next };
      assertClean(name, await burst(load));
    }
  }
  for (let round = 1; round <= effort.rounds; round += 1) {
    for (const name of names) {
      const place = places[name];
      const parts = await Promise.all(
        place.nodes.map(({ port }, index) =>
          closedLoop({
            ...{ port, connections: place.connections / place.nodes.length, ...effort },
            next: place.pushes[index]?.next ?? (() => Buffer.alloc(0)),
          }),
        ),
      );
      for (const part of parts) assertClean(place.name, part);
      const result = together(parts);
      results[name].push(result);
      say(
        `  round ${round}, ${place.name}: ${shown(result.perSecond)}/s, p99 ${shown(result.p99)} ms`,
      );
    }
  }
  return results;
}

/** What several nodes took in the same time. */
function together(parts: readonly LoadResult[]): LoadResult {
  const [first, ...rest] = parts;
  if (!first) throw new Error('nothing was measured');
  return {
    ...first,
    ok: parts.reduce((sum, { ok }) => sum + ok, 0),
    all: parts.reduce((sum, { all }) => sum + all, 0),
    perSecond: parts.reduce((sum, { perSecond }) => sum + perSecond, 0),
    p99: Math.max(first.p99, ...rest.map(({ p99 }) => p99)),
  };
}

function tell(
  places: Record<Name, Place>,
  results: Record<Name, LoadResult[]>,
  effort: Effort,
  report: Report,
): void {
  const names = Object.keys(places) as Name[];
  const rows = names.map((name) => {
    const { perSecond, p99 } = figureOf(results[name]);
    const range = `${shown(perSecond.min)}–${shown(perSecond.max)}`;
    return [
      places[name].name,
      String(places[name].connections),
      `${shown(perSecond.median)} (${range})`,
      shown(p99.median),
    ];
  });
  print(`\nIntake on both databases, median of ${effort.rounds}`);
  print(table(['store', 'connections', 'pushes/s', 'p99 ms'], rows));
  report.figures['cluster'] = Object.fromEntries(
    names.map((name) => [
      `${places[name].name}, ${places[name].connections} connections`,
      figureOf(results[name]),
    ]),
  );
  const bounds = { unit: '×', better: 'more', goal: 0.6, floor: 0.4 } as const;
  const against = (figure: string, ours: Name, theirs: Name): void => {
    const { median: value, min, max } = ratio(results[ours], results[theirs], 'perSecond');
    report.check({ figure, value, min, max, ...bounds });
  };
  against('intake on PostgreSQL / SQLite', 'pgRecorded', 'recorded');
  against('intake on PostgreSQL / SQLite, every push deployed', 'pgDeployed', 'deployed');
  // A node that is alone needs no job to be woken: only these pushes carry wake-ups.
  against('intake on PostgreSQL / SQLite, wake-ups for another node', 'pgParted', 'deployed');
  report.figures['two nodes / one'] = ratio(results.pgTwo, results.pgOne, 'perSecond');
}
