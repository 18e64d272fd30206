import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Backend, TriggerOutcome, TriggerRequest } from '../../../../src/core/backend.js';
import { waitFor } from '../../../support/e2e/wait-for.js';
import type { Behaviour, Bench } from '../../conformance/calls.js';
import type { LaneBench, Trouble } from '../../conformance/lane.js';
import { Fixture, noSignal } from './fixture.js';

type Trigger = (request: TriggerRequest, signal: AbortSignal) => Promise<TriggerOutcome>;

const password = 'local-conformance-password';
const secret = `API_TOKEN=${password}`;
const sameProcess = 'it is no call over a network but a function of the same process';
const asksNobody = 'it has no credential of its own, and git gets a fresh one';

/** What a backend inside Slipway cannot meet. */
export const impossibleCalls: Partial<Record<Behaviour, string>> = {
  distrusts: asksNobody,
  refuses_softly: sameProcess,
  is_gone: sameProcess,
  throttles: 'nobody limits it',
  fails: sameProcess,
  is_away: sameProcess,
  cuts: sameProcess,
  is_slow: 'it answers before it begins to work',
  redirects: sameProcess,
  answers_nonsense: sameProcess,
};

export const impossibleTroubles: Partial<Record<Trouble, string>> = {
  refuses:
    'what it would refuse cannot be saved; a build that fails is a failure of that push alone',
  refuses_softly: sameProcess,
  fails: sameProcess,
  throttles: 'nobody limits it',
  distrusts: asksNobody,
  answers_nonsense: sameProcess,
};

/** Builds that wait until they are let go, and that write down their commit: under another user, so anybody may. */
class Gate {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-gate-'));
  readonly #started = path.join(this.folder, 'started');
  readonly #go = path.join(this.folder, 'go');

  constructor() {
    chmodSync(this.folder, 0o755);
    writeFileSync(this.#started, '');
    chmodSync(this.#started, 0o666);
  }

  /** The secret is said aloud, too. */
  get buildCommand(): string {
    const wait = `while [ ! -s ${this.#go} ]; do sleep 0.02; done; [ "$(cat ${this.#go})" = live ]`;
    return `echo "$SOURCE_COMMIT" >> ${this.#started}; echo "token $API_TOKEN"; ${wait}`;
  }

  get started(): string[] {
    return readFileSync(this.#started, 'utf8').split('\n').filter(Boolean);
  }

  open(how: 'live' | 'failed'): void {
    writeFileSync(this.#go, how);
  }

  close(): void {
    if (existsSync(this.#go)) rmSync(this.#go);
  }
}

async function openParts() {
  const fixture = await Fixture.open();
  const gate = new Gate();
  const settings = { buildCommand: gate.buildCommand };
  return {
    fixture,
    gate,
    settings,
    close: async () => {
      await fixture.close();
      rmSync(gate.folder, { recursive: true, force: true });
    },
  };
}

/** The backend with a record of what it took, so that all of it can be seen through to its end. */
async function openWatched() {
  const parts = await openParts();
  const { fixture, gate } = parts;
  const accepted = new Map<string, TriggerRequest>();
  const trigger: Trigger = async (request, signal) => {
    const outcome = await fixture.backend.trigger(request, signal);
    if (outcome.kind === 'accepted') accepted.set(request.deploymentId, request);
    return outcome;
  };
  return {
    ...parts,
    trigger,
    finish: async (how: 'live' | 'failed' = 'live'): Promise<void> => {
      gate.open(how);
      for (const [id, { target }] of accepted) {
        await waitFor(`the end of ${id}`, async () => {
          const seen = await fixture.backend.observe?.({ ...fixture.of(id), target }, noSignal);
          return !['queued', 'building', 'deploying'].includes(seen?.state ?? '');
        });
      }
      accepted.clear();
      gate.close();
    },
  };
}

export async function openCalls(): Promise<Bench> {
  const { fixture, gate, settings, trigger, finish, close } = await openWatched();
  // What the other side does on its own is built from another commit, so that it does not count.
  const others = fixture.git.commit({ 'index.html': 'theirs' });
  const ours = fixture.git.commit({ 'index.html': 'ours' });
  fixture.settings = { ...settings };
  fixture.secrets = { secretEnvironment: secret };
  const target = fixture.target();
  const request = (more: Partial<TriggerRequest> = {}): TriggerRequest =>
    fixture.request(ours, { deploymentId: 'd_1', target, ...more });
  const their = (deploymentId: string) =>
    fixture.trigger(request({ deploymentId, commit: others }));
  const noLongerFit = () => void Object.assign(fixture.settings, { outputFolder: `/${password}` });
  const behaviours: Partial<Record<Behaviour, () => Promise<unknown> | void>> = {
    refuses: noLongerFit,
    repeats_secrets: noLongerFit,
    is_busy: () => their('d_0'),
    knows_it: () => their('d_1'),
    knows_it_not: () => fixture.backend.remove?.(target),
  };
  return {
    backend: withTrigger(fixture, trigger),
    target,
    secrets: [password],
    async behave(behaviour) {
      Object.assign(fixture.settings, { outputFolder: '' });
      await behaviours[behaviour]?.();
    },
    request,
    async startedUnder() {
      await finish();
      return gate.started.filter((commit) => commit === ours);
    },
    close,
  };
}

export async function openLane(): Promise<LaneBench> {
  const { fixture, gate, settings, trigger, finish, close } = await openWatched();
  const commits = new Map<string, string>();
  let trouble: Trouble = 'none';
  const troubled: Trigger = async (request, signal) => {
    if (trouble === 'loses_request') throw new Error('killed before the call');
    const outcome = await trigger(request, signal);
    if (trouble === 'loses_answer') throw new Error('killed after the call');
    if (trouble === 'hangs') {
      await waitFor('the build', () => gate.started.length > 0);
      await delay(500);
      throw new Error('nobody waits any more');
    }
    return outcome;
  };
  return {
    backend: withTrigger(fixture, troubled),
    settings: { ...settings, secretEnvironment: secret },
    secrets: [password],
    meet: (next) => void (trouble = next),
    headIs: () => undefined,
    commitOf(digit) {
      const known = commits.get(digit) ?? fixture.git.commit({ 'index.html': digit });
      commits.set(digit, known);
      return known;
    },
    attach({ bitbucket }) {
      bitbucket.cloneUrl = () => fixture.git.url;
      fixture.git.password = 'clone-password';
    },
    started: () => gate.started,
    finish,
    close,
  };
}

function withTrigger({ backend }: Fixture, trigger: Trigger): Backend {
  return new Proxy(backend, {
    get(target, key) {
      if (key === 'trigger') return trigger;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
