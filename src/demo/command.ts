import { parseArgs } from 'node:util';
import { doorNames, isDoorName, type DoorName } from './doors.js';
import { playOnStage } from './play.js';
import { isPlaceName, placeNames, type PlaceName } from './places.js';
import { playRound, type RoundReport } from './round.js';

const usage = `usage: slipway demo [--once [--json]] [--door connect|oauth|forge] [--backend local|signed-webhook|digitalocean] [--nodes 1|2]
                    [--port N] [--sandbox-port N] [--verbose]
`;

/** More would show nothing more. */
const mostNodes = 4;

interface DemoOptions {
  once: boolean;
  json: boolean;
  verbose: boolean;
  backend: PlaceName;
  door: DoorName;
  nodes: number;
  ports: { slipway: number; sandbox: number };
}

/** `slipway demo`: 0 when the round went well (or Ctrl-C ended it), 1 when it did not, 2 when called wrongly. */
export async function runDemoCommand(argv: string[]): Promise<number> {
  const options = readOptions(argv);
  if (typeof options === 'string') {
    process.stderr.write(`slipway demo: ${options}\n${usage}`);
    return 2;
  }
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const onServerLine = (line: string, node: number): void => {
    if (options.verbose) say(options.nodes > 1 ? `${node}: ${line}` : line);
  };
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort(new Error('interrupted'));
  // Once each: who asks a second time does not want to wait for the clearing up.
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const { signal } = interrupted;
  if (!options.once) return playOnStage(options, say, onServerLine, signal);
  const report = await playRound(options, say, onServerLine, signal);
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else say(summary(report));
  return report.ok ? 0 : 1;
}

function readOptions(argv: string[]): DemoOptions | string {
  let values;
  try {
    ({ values } = parseArgs({
      args: argv,
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        verbose: { type: 'boolean', default: false },
        door: { type: 'string', default: 'connect' },
        backend: { type: 'string', default: 'local' },
        nodes: { type: 'string', default: '1' },
        port: { type: 'string', default: '3000' },
        'sandbox-port': { type: 'string', default: '7990' },
      },
    }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { backend, door } = values;
  if (!isDoorName(door)) return `the demo has no door "${door}"; it has: ${doorNames.join(', ')}`;
  if (!isPlaceName(backend))
    return `the demo has no backend "${backend}"; it has: ${placeNames.join(', ')}`;
  const nodes = Number(values.nodes);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > mostNodes)
    return `--nodes is the number of nodes, from 1 to ${mostNodes}; more than one share a PostgreSQL`;
  if (values.json && !values.once) return '--json goes with --once';
  const ports = { slipway: Number(values.port), sandbox: Number(values['sandbox-port']) };
  for (const port of Object.values(ports)) {
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      return 'a port is a number from 0 to 65535';
  }
  const { once, json, verbose } = values;
  return { once, json, verbose, backend, door, nodes, ports };
}

function summary({ ok, pushes, steps, failure }: RoundReport): string {
  const lines = pushes.map(
    ({ commit, state, reason }) =>
      `${commit.slice(0, 12)}  ${state}${reason === null ? '' : `  (${reason})`}`,
  );
  const seconds = steps.reduce((sum, { ms }) => sum + ms, 0) / 1000;
  const verdict = ok
    ? `The round went well, in ${seconds.toFixed(1)} s.`
    : `It failed: ${failure ?? ''}`;
  return ['', ...lines, verdict].join('\n');
}
