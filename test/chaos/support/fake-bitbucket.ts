import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectToken } from '../../support/e2e/connect-request.js';
import type { Boundaries } from './boundaries.js';
import { json, post, serve, type Served } from './http.js';
import type { AckLine, Hub, HubFigures, PushLine, StatusLine } from './hub.js';
import { Journal } from './journal.js';
import type { Random } from './random.js';
import { UnderWay, type Door } from './under-way.js';

interface Repository {
  uuid: string;
  fullName: string;
  /** By `branch:main`. */
  refs: Map<string, Ref>;
}

interface Ref {
  refType: 'branch' | 'tag';
  name: string;
  head: string | null;
  /** Where it has been, with the message of each commit. */
  history: { commit: string; message: string }[];
}

/** An event as it was published; `body` never changes, however often it is sent. */
interface Event {
  id: string;
  body: string;
}

const repositoryCount = 6;
/** In a steady stream: as a team does it, mostly on few branches. */
const steadyRefs = ['main', 'main', 'main', 'staging'];
const workspace = { uuid: '{7f5b1c3e-4a0f-4f6b-9f43-1f4a30c6a001}', slug: 'acme', name: 'Acme' };
const person = { uuid: '{7f5b1c3e-4a0f-4f6b-9f43-1f4a30c6a002}', display_name: 'Ada Example' };
const hookUuid = '7f5b1c3e-4a0f-4f6b-9f43-1f4a30c6a003';

export interface FakeBitbucketParts {
  folder: string;
  random: Random;
  boundaries: Boundaries;
  /** Open while Slipway can be reached. */
  reachable: Door;
  /** Default 6. */
  repositories?: number;
  /** What became of each try to deliver; null: no answer. By `performance.now()`. */
  onAnswer?: (status: number | null, sentAt: number, answeredAt: number) => void;
}

/**
 * As much of Bitbucket as a round needs, without git: refs that only know their heads, Connect tokens, statuses, and webhooks
 * that come twice, late, in the wrong order, again much later, or not at all. Always truthful about heads.
 */
export class FakeBitbucket implements Hub {
  readonly knowsBoundaries = true;
  readonly figures: HubFigures = { deliveries: 0, refused: 0 };
  readonly #parts: FakeBitbucketParts;
  readonly #repositories: Repository[];
  readonly #pushes: Journal<PushLine>;
  readonly #acks: Journal<AckLine>;
  readonly #statuses: Journal<StatusLine>;
  readonly #underWay = new UnderWay();
  readonly #published: Event[] = [];
  readonly #plan: Random;
  readonly #trouble: Random;
  readonly #signer = {
    clientKey: `ari:cloud:bitbucket::app/${workspace.uuid}/slipway`,
    secret: randomUUID() + randomUUID(),
  };
  /** Events go to one after the other. */
  #servers: readonly string[] = [];
  #served: Served | null = null;
  #pushNumber = 0;
  #isCalm = false;

  constructor(parts: FakeBitbucketParts) {
    this.#parts = parts;
    this.#plan = parts.random.stream('plan');
    this.#trouble = parts.random.stream('trouble');
    this.#pushes = new Journal(join(parts.folder, 'pushes.jsonl'));
    this.#acks = new Journal(join(parts.folder, 'acks.jsonl'));
    this.#statuses = new Journal(join(parts.folder, 'statuses.jsonl'));
    this.#repositories = Array.from(
      { length: parts.repositories ?? repositoryCount },
      (_, index) => {
        const fullName = `acme/site-${index}`;
        const commit = hash(fullName);
        const history = [{ commit, message: 'First\n' }];
        const main: Ref = { refType: 'branch', name: 'main', head: commit, history };
        const uuid = `{7f5b1c3e-4a0f-4f6b-9f43-1f4a30c6b${String(index).padStart(3, '0')}}`;
        return { uuid, fullName, refs: new Map([['branch:main', main]]) };
      },
    );
  }

  get url(): string {
    return this.#served?.url ?? '';
  }

  get repositories(): string[] {
    return this.#repositories.map(({ fullName }) => fullName);
  }

  async start(): Promise<void> {
    this.#served = await serve((request, response, body) => this.#answer(request, response, body));
  }

  async install(server: string): Promise<void> {
    this.#servers = [server];
    const body = {
      ...{ key: 'slipway', clientKey: this.#signer.clientKey, sharedSecret: this.#signer.secret },
      ...{ eventType: 'installed', baseUrl: this.url, principal: workspace, user: person },
    };
    const status = await post(`${server}/connect/installed`, {}, JSON.stringify(body));
    if (status !== 204) throw new Error(`the installation was answered ${status}`);
  }

  /** From now on events go to these in turn. */
  spread(servers: readonly string[]): void {
    this.#servers = servers;
  }

  panelUrl(server: string, repository: string): Promise<string> {
    const found = this.#repositories.find(({ fullName }) => fullName === repository);
    const query = new URLSearchParams({
      workspaceUuid: workspace.uuid,
      repoUuid: found?.uuid ?? '',
      userUuid: person.uuid,
    });
    const path = `/panel/repository?${query.toString()}`;
    const token = connectToken(this.#signer, 'GET', path);
    return Promise.resolve(`${server}${path}&jwt=${token}`);
  }

  async play(round: number): Promise<void> {
    const fresh = Array.from({ length: this.#plan.int(1, 2) }, (_, index) => ({
      repository: this.#plan.pick(this.#repositories),
      refType: this.#plan.chance(0.2) ? ('tag' as const) : ('branch' as const),
      name: `round-${round}/${index}`,
    }));
    const main = {
      repository: this.#plan.pick(this.#repositories),
      refType: 'branch' as const,
      name: 'main',
    };
    for (let left = this.#plan.int(3, 7); left > 0; left -= 1) {
      const place = this.#plan.pick([...fresh, main]);
      this.#push(place.repository, this.#someRefs(place));
      if (this.#plan.chance(0.6)) await delay(this.#plan.int(0, 120));
    }
    for (let left = this.#plan.int(0, 2); left > 0; left -= 1) this.#repeatAnOldOne();
  }

  /** One push to one of few branches; for a stream of them whose pace somebody else sets. */
  playOne(): void {
    const name = this.#plan.pick(steadyRefs);
    this.#push(this.#plan.pick(this.#repositories), [{ refType: 'branch', name }]);
  }

  calm(): Promise<void> {
    this.#isCalm = true;
    return Promise.resolve();
  }

  idle(): Promise<void> {
    return this.#underWay.idle();
  }

  truth(): Promise<{ pushes: PushLine[]; acks: AckLine[]; statuses: StatusLine[] }> {
    return Promise.resolve({
      pushes: this.#pushes.read(),
      acks: this.#acks.read(),
      statuses: this.#statuses.read(),
    });
  }

  async stop(): Promise<void> {
    await this.#served?.close();
    for (const journal of [this.#pushes, this.#acks, this.#statuses]) journal.close();
  }

  /** Mostly one; sometimes one event tells of two. */
  #someRefs(place: { refType: 'branch' | 'tag'; name: string }): (typeof place)[] {
    if (!this.#plan.chance(0.15)) return [place];
    return [place, { refType: 'branch', name: place.name === 'main' ? 'staging' : 'main' }];
  }

  #push(repository: Repository, places: { refType: 'branch' | 'tag'; name: string }[]): void {
    const event = randomUUID();
    const changes = places.map((place) => this.#move(repository, place, event));
    const { uuid, fullName } = repository;
    const body = JSON.stringify({
      event: 'repo:push',
      data: {
        push: { changes },
        repository: { uuid, full_name: fullName, name: fullName, workspace },
        actor: person,
      },
    });
    this.#publish({ id: event, body });
  }

  #move(
    repository: Repository,
    { refType, name }: { refType: 'branch' | 'tag'; name: string },
    event: string,
  ): object {
    const key = `${refType}:${name}`;
    const ref = repository.refs.get(key) ?? { refType, name, head: null, history: [] };
    repository.refs.set(key, ref);
    const from = ref.head;
    const number = ++this.#pushNumber;
    const { commit: to, message } = this.#next(ref, number);
    ref.head = to;
    if (to !== null) ref.history.push({ commit: to, message });
    const isSkipped = message.includes('[skip');
    this.#pushes.write({
      ...{ number, at: Date.now(), event, repository: repository.fullName },
      ...{ refType, name, from, to, isSkipped },
    });
    const shape = (commit: string | null) =>
      commit === null ? null : { type: refType, name, target: { hash: commit, message } };
    return { old: shape(from), new: shape(to), forced: false };
  }

  /** Mostly a new commit; sometimes back to where it was, sometimes away. */
  #next(ref: Ref, number: number): { commit: string | null; message: string } {
    const isShort = ref.name !== 'main';
    if (isShort && ref.head !== null && this.#plan.chance(0.04))
      return { commit: null, message: '' };
    const before = ref.history.at(-2);
    const isBack = before !== undefined && before.commit !== ref.head && this.#plan.chance(0.07);
    if (isBack) return before;
    const marker = isShort && this.#plan.chance(0.03) ? ' [skip deploy]' : '';
    return {
      commit: hash(`${this.#plan.next()}/${number}`),
      message: `Push ${number}${marker}\n`,
    };
  }

  #publish(event: Event): void {
    this.#published.push(event);
    const dice = this.#plan.stream(`event/${this.#published.length}`);
    const fate = dice.weighted({ once: 55, twice: 15, both_hooks: 5, late: 15, never: 3 });
    switch (fate) {
      case 'never':
        return;
      case 'late':
        return this.#send(event, { delayMs: dice.int(20, 900), dice });
      case 'twice':
        this.#send(event, { dice });
        return this.#send(event, { delayMs: dice.int(0, 200), dice: dice.stream('copy') });
      case 'both_hooks':
        this.#send(event, { dice });
        return this.#send(event, { delayMs: dice.int(0, 100), as: randomUUID(), dice });
      case 'once':
        return this.#send(event, { dice });
    }
  }

  /** The "Resend" button, or somebody who replays what he has recorded. */
  #repeatAnOldOne(): void {
    const event = this.#published[this.#plan.int(0, this.#published.length - 1)];
    if (!event) return;
    const dice = this.#plan.stream(`again/${this.#plan.next()}`);
    const as = dice.chance(0.3) ? { as: randomUUID() } : {};
    this.#send(event, { delayMs: dice.int(0, 400), dice, ...as });
  }

  #send(event: Event, how: { delayMs?: number; as?: string; dice: Random }): void {
    this.#underWay.add(this.#sendUntilAnswered(event, how));
  }

  /** Three tries, as Bitbucket has them. Where the server is down, mostly after it has come back. */
  async #sendUntilAnswered(
    event: Event,
    { delayMs = 0, as, dice }: { delayMs?: number; as?: string; dice: Random },
  ): Promise<void> {
    if (delayMs > 0) await delay(delayMs);
    const id = as ?? event.id;
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const status = await this.#sendOnce(event, id, attempt);
      if (status === 204) {
        this.#acks.write({ event: event.id, delivery: id, at: Date.now() });
        void this.#parts.boundaries.pass('answered');
        return;
      }
      if (status !== null && status < 500) {
        this.figures.refused += 1;
        return;
      }
      if (dice.chance(0.85)) await this.#parts.reachable.passed();
    }
  }

  async #sendOnce(event: Event, id: string, attempt: number): Promise<number | null> {
    const server = this.#servers[this.figures.deliveries % this.#servers.length] ?? '';
    const sentAt = performance.now();
    this.figures.deliveries += 1;
    const headers = {
      'x-event-key': 'repo:push',
      'x-hook-uuid': hookUuid,
      'x-request-uuid': id,
      'x-attempt-number': String(attempt),
      authorization: `JWT ${connectToken(this.#signer, 'POST', '/connect/events')}`,
    };
    const status = await post(`${server}/connect/events`, headers, event.body, () => {
      void this.#parts.boundaries.pass('received');
    });
    this.#parts.onAnswer?.(status, sentAt, performance.now());
    return status;
  }

  async #answer(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
    // Nothing is cloned here; a target is saved without that step having been checked.
    if (url.pathname.endsWith('/info/refs')) return json(response, 503, {});
    if (url.pathname === '/site/oauth2/access_token') {
      const isForClone = new URLSearchParams(body.toString()).has('bitbucket_repository');
      if (isForClone) await this.#parts.boundaries.pass('claimed');
      const access_token = randomUUID();
      return json(response, 200, { access_token, expires_in: 3600, scopes: 'repository' });
    }
    const [, kind, , uuid = '', ...rest] = parts;
    if (kind === 'workspaces' && uuid === 'permissions') {
      return json(response, 200, { values: [{ permission: 'admin' }] });
    }
    if (kind === 'workspaces') return json(response, 200, workspace);
    const repository = this.#repositories.find((one) => one.uuid === uuid);
    if (kind !== 'repositories' || !repository) return json(response, 404, {});
    await this.#answerAbout(repository, rest, url.searchParams, body, response);
  }

  async #answerAbout(
    repository: Repository,
    rest: readonly string[],
    query: URLSearchParams,
    body: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    const [what, folder = '', ...name] = rest;
    if (what === undefined) {
      const { uuid, fullName: full_name } = repository;
      const mainbranch = { name: 'main' };
      return json(response, 200, { uuid, full_name, name: full_name, workspace, mainbranch });
    }
    if (what === 'commit') return this.#writeStatus(repository, folder, body, response);
    if (what !== 'refs') return json(response, 404, {});
    const refType = folder === 'tags' ? 'tag' : 'branch';
    const wanted =
      name.length > 0 ? name.join('/') : /^name="(.*)"$/.exec(query.get('q') ?? '')?.[1];
    if (wanted !== undefined) await this.#parts.boundaries.pass('checking');
    if (this.#happens(0.05)) return json(response, 503, {});
    const refs = [...repository.refs.values()].filter(
      (ref) => ref.refType === refType && ref.head !== null,
    );
    if (name.length > 0) {
      const found = refs.find((ref) => ref.name === wanted);
      return found ? json(response, 200, shapeOf(found)) : json(response, 404, {});
    }
    const values = refs.filter((ref) => wanted === undefined || ref.name === wanted).map(shapeOf);
    json(response, 200, { values });
  }

  async #writeStatus(
    repository: Repository,
    commit: string,
    body: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    if (this.#happens(0.08)) return json(response, 503, {});
    const { key, state } = JSON.parse(body.toString('utf8')) as { key: string; state: string };
    const at = Date.now();
    this.#statuses.write({ at, repository: repository.fullName, commit, key, state });
    await this.#parts.boundaries.pass('status');
    if (this.#happens(0.04)) response.destroy();
    else json(response, 201, { key, state });
  }

  #happens(probability: number): boolean {
    return !this.#isCalm && this.#trouble.chance(probability);
  }
}

function shapeOf({ name, head, history }: Ref): object {
  const message = history.find(({ commit }) => commit === head)?.message ?? '';
  return { name, target: { hash: head, message, author: { raw: 'Ada <ada@example.com>' } } };
}

function hash(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
