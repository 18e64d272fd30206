import { join } from 'node:path';
import { doorOf, type Door, type DoorName } from './doors.js';
import { GitUser } from './git-user.js';
import type { PanelVisitor } from './panel-visitor.js';
import { openPlace, type Place, type PlaceName } from './places.js';
import { NodeWatch } from './node-watch.js';
import { setStage, type Stage } from './stage.js';
import { watchDeployment, watchStatuses } from './watch.js';

/** What `demo --once --json` prints; fixed in design.md §5. */
export interface RoundReport {
  ok: boolean;
  door: string;
  backend: string;
  store: string;
  nodes: number;
  steps: { name: string; ms: number }[];
  pushes: PushReport[];
  credential: 'app' | 'oauth';
  refreshes: number;
  hooks_left: number;
  failure: string | null;
}

export interface PushReport {
  commit: string;
  state: string;
  reason: string | null;
  cause: string;
  statuses: { state: string; at: string }[];
  /** Text of the served page before and after the push; null while nothing is served. */
  page_before: string | null;
  page_after: string | null;
  /** With several nodes only: which of them Bitbucket's event came to, and which called the backend; from 1. */
  received_by?: number | null;
  deployed_by?: number | null;
}

const deployTimeoutMs = 90_000;
const statusTimeoutMs = 30_000;

/** Install, pick a target, push three times with real git (good, good, a broken build), look at what came of it, uninstall. When `signal` says stop, it clears up and has failed. */
export async function playRound(
  { backend, door, nodes }: { backend: PlaceName; door: DoorName; nodes: number },
  say: (line: string) => void,
  onServerLine: (line: string, node: number) => void,
  signal: AbortSignal,
): Promise<RoundReport> {
  const report: RoundReport = {
    ok: false,
    door,
    backend,
    store: nodes > 1 ? 'postgres' : 'sqlite',
    nodes,
    steps: [],
    pushes: [],
    credential: 'app',
    refreshes: 0,
    hooks_left: 0,
    failure: null,
  };
  const watch = new NodeWatch();
  const round = new Round(report, say, watch);
  let stage: Stage | null = null;
  let place: Place | null = null;
  try {
    const opened = await round.step(`prepare the place to deploy to (${backend})`, () =>
      openPlace(backend, { build: 'sh build.sh', output: 'dist' }),
    );
    place = opened;
    const { environment } = opened;
    stage = await round.step('start Slipway and the sandbox', () =>
      setStage({
        ports: { sandbox: 0, slipway: 0 },
        ...{ environment, nodes },
        onLine(line, node) {
          watch.hear(line, node);
          onServerLine(line, node);
        },
      }),
    );
    signal.throwIfAborted();
    await Promise.race([round.play(stage, opened, doorOf(door)), whenAborted(signal)]);
    report.ok = true;
  } catch (error) {
    report.failure = error instanceof Error ? error.message : String(error);
    say(`failed: ${report.failure}`);
  } finally {
    await place?.close();
    await stage?.close();
  }
  return report;
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

/** What the site is built by: copies the page, and fails where the page says so. */
const build = `set -e
if grep -q BROKEN page.html; then echo "error: page.html is broken" >&2; exit 1; fi
mkdir -p dist
cp page.html dist/index.html
`;

class Round {
  readonly #report: RoundReport;
  readonly #say: (line: string) => void;
  readonly #watch: NodeWatch;
  #url: string | null = null;

  constructor(report: RoundReport, say: (line: string) => void, watch: NodeWatch) {
    this.#report = report;
    this.#say = say;
    this.#watch = watch;
  }

  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    this.#say(name);
    const result = await work();
    this.#report.steps.push({ name, ms: Math.round(performance.now() - startedAt) });
    return result;
  }

  async play(stage: Stage, place: Place, door: Door): Promise<void> {
    const { user } = stage;
    await this.step(door.words.install, () => door.install(stage));
    const panel = await this.step('open the panel and add a target', async () => {
      const visitor = await door.openPanel(stage);
      await visitor.saveTarget({
        name: 'Production',
        branchPattern: 'main',
        ...(await place.fields(stage)),
      });
      return visitor;
    });
    const clone = await this.step('clone the repository', () =>
      GitUser.clone(stage.cloneUrl, join(stage.folder, 'clone'), user),
    );
    const push = async (name: string, files: Record<string, string>): Promise<PushReport> =>
      this.step(name, () => this.#push(stage, panel, clone, files, name));
    const first = await push('push a first page', { 'build.sh': build, 'page.html': page('One') });
    expectLive(first, null, 'One');
    const second = await push('push a second page', { 'page.html': page('Two') });
    expectLive(second, 'One', 'Two');
    const broken = await push('push a broken build', { 'page.html': page('BROKEN') });
    expectBroken(broken, 'Two');
    await this.step(door.words.uninstall, () => door.uninstall(stage));
    await this.#lookBack(stage);
  }

  /** What the sandbox saw: whose token cloned, how often a grant was renewed, what was left behind. */
  async #lookBack({ sandbox, repository, user }: Stage): Promise<void> {
    const fetchers = await sandbox.fetchers();
    this.#report.credential = fetchers.includes(user.nickname) ? 'oauth' : 'app';
    this.#report.refreshes = await sandbox.refreshes();
    this.#report.hooks_left = await sandbox.hooksOf(repository);
    if (this.#report.hooks_left > 0) throw new Error('a webhook was left behind');
  }

  async #push(
    stage: Stage,
    panel: PanelVisitor,
    clone: GitUser,
    files: Record<string, string>,
    message: string,
  ): Promise<PushReport> {
    const pageBefore = await this.#servedPage();
    this.#watch.forget();
    const commit = await clone.push(files, message);
    const row = await watchDeployment(panel, commit, {
      timeoutMs: deployTimeoutMs,
      onProgress: ({ state, progress }) =>
        this.#say(`  ${commit.slice(0, 12)} ${state}${progress === null ? '' : `: ${progress}`}`),
    });
    this.#url = row.url ?? this.#url;
    const writes = await watchStatuses(stage.sandbox, stage.repository, commit, statusTimeoutMs);
    const report: PushReport = {
      commit,
      state: row.state,
      reason: row.reason,
      cause: row.cause,
      statuses: writes.map(({ state, at }) => ({ state, at })),
      page_before: pageBefore,
      page_after: await this.#servedPage(),
      ...(this.#report.nodes > 1 ? this.#watch.of(commit) : {}),
    };
    this.#report.pushes.push(report);
    return report;
  }

  async #servedPage(): Promise<string | null> {
    if (this.#url === null) return null;
    const response = await fetch(this.#url);
    return (await response.text())
      .replace(/<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();
  }
}

function page(word: string): string {
  return `<!doctype html>\n<title>${word}</title>\n<h1>${word}</h1>\n`;
}

function expectLive(push: PushReport, before: string | null, after: string): void {
  expect(
    push,
    push.state === 'live',
    `it is ${push.state}, not live (${push.reason ?? 'no reason'})`,
  );
  expect(
    push,
    (push.page_before === null) === (before === null),
    'the page before it is not the one expected',
  );
  expect(
    push,
    before === null || (push.page_before ?? '').includes(before),
    'the page before it is another one',
  );
  expect(
    push,
    (push.page_after ?? '').includes(after),
    `the page served after it does not say ${after}`,
  );
  expectStatuses(push, 'SUCCESSFUL');
}

function expectBroken(push: PushReport, served: string): void {
  expect(push, push.state === 'failed', `it is ${push.state}, not failed`);
  expect(push, push.reason !== null, 'no reason is given');
  expect(
    push,
    (push.page_after ?? '').includes(served),
    `the earlier page (${served}) is no longer served`,
  );
  expectStatuses(push, 'FAILED');
}

function expectStatuses(push: PushReport, end: string): void {
  const states = push.statuses.map(({ state }) => state);
  const good = states[0] === 'INPROGRESS' && states.at(-1) === end;
  expect(push, good, `its build statuses are ${states.join(' → ')}`);
}

function expect(push: PushReport, holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`push ${push.commit.slice(0, 12)}: ${otherwise}`);
}
