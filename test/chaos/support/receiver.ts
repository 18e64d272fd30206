import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Boundaries } from './boundaries.js';
import { json, post, serve, type Served } from './http.js';
import type { Journal } from './journal.js';
import type { Random } from './random.js';
import { signedHeaders, verifiedId, webhookKey, type WebhookKey } from './signed.js';
import type { Door, UnderWay } from './under-way.js';

/** What the receiver did with one request, in the order in which it did it. The judge reads this and believes nothing else. */
export interface ReceiverLine {
  at: number;
  /** `deployed` is the one and only deploy; a request under a known id is a `repeat`; `outdated`: a lower fencing number. */
  verdict: 'deployed' | 'repeat' | 'outdated' | 'not_taken';
  fate: Fate;
  webhookId: string;
  deploymentId: string;
  targetId: string;
  fencing: number;
  repository: string;
  refType: string;
  refName: string;
  commit: string;
  cause: string;
}

export type Fate =
  | 'take'
  /** Taken, and reported as failed. */
  | 'fail'
  /** 503, nothing taken. */
  | 'refuse'
  /** Nothing taken, never answered. */
  | 'swallow'
  /** The connection is cut before or after taking. */
  | 'cut_before'
  | 'cut_after'
  /** Taken at once or at the end, answered after the sender's patience. */
  | 'answer_late'
  | 'take_late';

/** `wild` most of the time; `patient`: where nobody is killed for long enough to meet a timeout; `calm`: to let things end. */
export type Weather = 'wild' | 'patient' | 'calm';

const fates: Readonly<Record<Weather, Readonly<Record<Fate, number>>>> = {
  wild: {
    ...{ take: 62, fail: 6, refuse: 9, swallow: 3 },
    ...{ cut_before: 5, cut_after: 9, answer_late: 3, take_late: 3 },
  },
  patient: {
    ...{ take: 40, fail: 5, refuse: 5, swallow: 10 },
    ...{ cut_before: 5, cut_after: 5, answer_late: 15, take_late: 15 },
  },
  calm: {
    ...{ take: 1, fail: 0, refuse: 0, swallow: 0 },
    ...{ cut_before: 0, cut_after: 0, answer_late: 0, take_late: 0 },
  },
};

/** Slipway gives up a call after 15 s. */
const afterPatienceMs = 16_000;
const reportPauseMs = 200;

/** Keeps nobody waiting who is done. */
function patienceOver(): Promise<void> {
  return delay(afterPatienceMs, undefined, { ref: false });
}

interface Message {
  type: string;
  data: {
    deployment_id: string;
    fencing: number;
    target: { id: string };
    repository: { full_name: string };
    ref: { type: string; name: string };
    commit: { hash: string };
    cause: { kind: string };
    callback_url: string;
  };
}

interface Run {
  sequence: number;
  end: 'live' | 'failed' | null;
}

export interface ReceiverParts {
  journal: Journal<ReceiverLine>;
  random: Random;
  boundaries: Boundaries;
  /** Open while Slipway can be reached. */
  reachable: Door;
  underWay: UnderWay;
}

/**
 * A deploy backend that fails, stalls, answers too late and honours the idempotency key. It runs outside of what is killed,
 * and writes down what it does before it does it.
 */
export class Receiver {
  weather: Weather = 'wild';
  readonly key: WebhookKey;
  readonly #parts: ReceiverParts;
  /** By deployment. */
  readonly #runs = new Map<string, Run>();
  /** What was begun, by `webhook-id`: the idempotency key, and the only thing that is honoured. */
  readonly #begun = new Set<string>();
  readonly #newestFencing = new Map<string, number>();
  readonly #tries = new Map<string, number>();
  #served: Served | null = null;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.key = webhookKey(createHash('sha256').update(`${parts.random.next()}`).digest());
  }

  get url(): string {
    return `${this.#served?.url ?? ''}/deploy`;
  }

  async start(): Promise<void> {
    this.#served = await serve((request, response, body) => this.#answer(request, response, body));
  }

  async stop(): Promise<void> {
    await this.#served?.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const id = verifiedId(this.key, request.headers, body);
    if (id === null) return void response.writeHead(401).end();
    const message = JSON.parse(body.toString('utf8')) as Message;
    switch (message.type) {
      case 'target.ping':
        return void response.writeHead(204).end();
      case 'deployment.requested':
        return this.#trigger(id, message, response);
      case 'deployment.lookup_requested':
        return this.#lookUp(message, response);
      default:
        response.writeHead(422).end();
    }
  }

  async #trigger(id: string, message: Message, response: ServerResponse): Promise<void> {
    const { commit } = message.data;
    const number = (this.#tries.get(id) ?? 0) + 1;
    this.#tries.set(id, number);
    const dice = this.#parts.random.stream(`${commit.hash}/${number}`);
    const wasHeld = await this.#parts.boundaries.pass('triggering');
    // Whoever sent it may be dead by now; a request that was read can still be acted on.
    const fate: Fate = wasHeld
      ? dice.pick(['take', 'swallow'])
      : dice.weighted(number > 1 ? fates.calm : fates[this.weather]);
    await this.#meet(fate, id, message, response, dice);
  }

  async #meet(
    fate: Fate,
    id: string,
    message: Message,
    response: ServerResponse,
    dice: Random,
  ): Promise<void> {
    switch (fate) {
      case 'refuse':
        this.#note('not_taken', fate, id, message);
        return json(response, 503, { message: 'not now' });
      case 'swallow':
        this.#note('not_taken', fate, id, message);
        return;
      case 'cut_before':
        this.#note('not_taken', fate, id, message);
        response.destroy();
        return;
      case 'take_late':
        return this.#parts.underWay.add(
          patienceOver().then(() => this.#take(fate, id, message, response, dice)),
        );
      default:
        return this.#take(fate, id, message, response, dice);
    }
  }

  async #take(
    fate: Fate,
    id: string,
    message: Message,
    response: ServerResponse,
    dice: Random,
  ): Promise<void> {
    const { deployment_id: deploymentId, fencing, target } = message.data;
    const newest = this.#newestFencing.get(target.id) ?? 0;
    this.#newestFencing.set(target.id, Math.max(newest, fencing));
    const isKnown = this.#begun.has(id);
    if (!isKnown && fencing < newest) {
      this.#note('outdated', fate, id, message);
      return json(response, 409, { message: 'something newer was here' });
    }
    this.#note(isKnown ? 'repeat' : 'deployed', fate, id, message);
    const run = this.#runs.get(deploymentId) ?? { sequence: 0, end: null };
    this.#runs.set(deploymentId, run);
    this.#begun.add(id);
    await this.#parts.boundaries.pass('accepted');
    if (!isKnown) this.#parts.underWay.add(this.#carryOut(run, message, fate, dice));
    if (fate === 'cut_after') {
      response.destroy();
      return;
    }
    const answer = (): void => {
      response.once('finish', () => void this.#parts.boundaries.pass('triggered'));
      json(response, 202, { external_id: deploymentId });
    };
    if (fate === 'answer_late') this.#parts.underWay.add(patienceOver().then(answer));
    else answer();
  }

  /** Reports may come twice, in the wrong order, or before the answer to the request itself. */
  async #carryOut(run: Run, message: Message, fate: Fate, dice: Random): Promise<void> {
    if (dice.chance(0.5)) await delay(dice.int(0, 300));
    const building = run.sequence + 1;
    const ending = run.sequence + 2;
    run.sequence = ending;
    run.end = fate === 'fail' ? 'failed' : 'live';
    const reports = [
      { state: 'building', sequence: building },
      { state: run.end, sequence: ending },
    ];
    if (dice.chance(0.15)) reports.reverse();
    if (dice.chance(0.2)) reports.push({ state: run.end, sequence: ending });
    for (const { state, sequence } of reports) await this.#report(message, state, sequence);
  }

  /** Sent again until it is answered. */
  async #report(message: Message, state: string, sequence: number): Promise<void> {
    const { callback_url: url, deployment_id, commit } = message.data;
    const data = { deployment_id, sequence, commit: commit.hash };
    const body = JSON.stringify({ type: `deployment.${state}`, data });
    for (;;) {
      await this.#parts.reachable.passed();
      const status = await post(url, signedHeaders(this.key, body), body, () => {
        void this.#parts.boundaries.pass('reporting');
      });
      if (status !== null && status < 500) {
        if (status === 204) void this.#parts.boundaries.pass('reported');
        return;
      }
      await delay(reportPauseMs);
    }
  }

  async #lookUp({ data }: Message, response: ServerResponse): Promise<void> {
    await this.#parts.boundaries.pass('lookup');
    const run = this.#runs.get(data.deployment_id);
    const dice = this.#parts.random.stream(`lookup/${data.commit.hash}`);
    if (this.weather !== 'calm' && dice.chance(0.1)) return json(response, 500, {});
    const state = run?.end && dice.chance(0.5) ? { state: run.end } : {};
    json(response, 200, { found: run !== undefined, ...state });
  }

  #note(verdict: ReceiverLine['verdict'], fate: Fate, webhookId: string, { data }: Message): void {
    this.#parts.journal.write({
      at: Date.now(),
      ...{ verdict, fate, webhookId },
      deploymentId: data.deployment_id,
      targetId: data.target.id,
      fencing: data.fencing,
      repository: data.repository.full_name,
      refType: data.ref.type,
      refName: data.ref.name,
      commit: data.commit.hash,
      cause: data.cause.kind,
    });
  }
}
