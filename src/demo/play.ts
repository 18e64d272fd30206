import { setTimeout as delay } from 'node:timers/promises';
import { doorOf, type Door, type DoorName } from './doors.js';
import type { DeploymentRow, PanelVisitor } from './panel-visitor.js';
import { openPlace, type Place, type PlaceName } from './places.js';
import { setStage, type Stage } from './stage.js';

const lookEveryMs = 1_000;
/** A panel session ends after 15 minutes; the demo opens a new one well before. */
const sessionMs = 10 * 60_000;
/** A server that does not answer any more has usually ended; its own words then say more than "fetch failed". */
const endsWithinMs = 2_000;

/** Sets everything up, deploys once, prints what to try, and tells what happens until `signal` says stop. */
export async function playOnStage(
  options: {
    ports: { slipway: number; sandbox: number };
    backend: PlaceName;
    door: DoorName;
    nodes: number;
  },
  say: (line: string) => void,
  onServerLine: (line: string, node: number) => void,
  signal: AbortSignal,
): Promise<number> {
  say('Starting Slipway, and the sandbox that plays Bitbucket …');
  const { ports, nodes } = options;
  const door = doorOf(options.door);
  const place = await openPlace(options.backend, null);
  const { environment } = place;
  const stage = await setStage({ ports, environment, nodes, onLine: onServerLine }).catch(
    async (error: unknown) => {
      await place.close();
      throw error;
    },
  );
  try {
    await addTarget(stage, place, door);
    say(whatToTry(stage, await door.settingsUrl(stage)));
    await tellWhatHappens(stage, door, say, signal);
    return 0;
  } catch (error) {
    if (signal.aborted) return 0;
    const ended = await Promise.race([stage.server.ended, delay(endsWithinMs)]);
    if (!ended) throw error;
    say(`Slipway ended ${ended.how}. Its last lines:\n${ended.lastLines}`);
    return 1;
  } finally {
    say('Stopping.');
    await place.close();
    await stage.close();
  }
}

async function addTarget(stage: Stage, place: Place, door: Door): Promise<void> {
  await door.install(stage);
  const panel = await door.openPanel(stage);
  const targetId = await panel.saveTarget({
    name: 'Production',
    branchPattern: 'main',
    ...(await place.fields(stage)),
  });
  await panel.deploy(targetId, 'main');
}

function whatToTry({ sandbox, repository, cloneUrl }: Stage, settingsUrl: string): string {
  const folder = repository.split('/')[1] ?? 'site';
  return `
Ready. Slipway is installed in the sandbox and deploys the branch main of ${repository}.

  The repository      ${sandbox.url}/${repository}
  Slipway's panel     ${settingsUrl}

Push something, and watch both pages:

  git clone ${cloneUrl}
  cd ${folder}
  echo '<h1>Hello again</h1>' > index.html
  git commit -am 'Say hello again'
  git push

Ctrl-C stops everything and leaves nothing behind.
`;
}

/** One line for every change of a deployment; that the next one took its address over is none. */
async function tellWhatHappens(
  stage: Stage,
  door: Door,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const told = new Map<string, string>();
  let panel: PanelVisitor | null = null;
  let openedAt = 0;
  while (!signal.aborted) {
    if (panel === null || Date.now() - openedAt > sessionMs) {
      panel = await door.openPanel(stage);
      openedAt = Date.now();
    }
    for (const row of (await panel.deployments()).reverse()) {
      const news = [row.state, row.progress, row.reason].join(' ');
      if (told.get(row.id) !== news) say(lineFor(row));
      told.set(row.id, news);
    }
    await delay(lookEveryMs, undefined, { signal });
  }
}

function lineFor({ commit, state, progress, reason, url }: DeploymentRow): string {
  const more = [progress, reason, state === 'live' ? url : null].filter((part) => part !== null);
  return `  ${commit.slice(0, 12)}  ${state.padEnd(10)}  ${more.join('  ')}`.trimEnd();
}
