import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Bench } from '../../sandbox/support.js';
import type { AckLine, Hub, HubFigures, PushLine, StatusLine } from './hub.js';
import { Journal } from './journal.js';
import type { Random } from './random.js';

interface Place {
  repository: string;
  refType: 'branch' | 'tag';
  name: string;
}

interface PushAnswer {
  changes: { ref_type: 'branch' | 'tag'; name: string; from: string | null; to: string | null }[];
  deliveries: string[];
}

interface DeliveryAnswer {
  id: string;
  event: string;
  request_uuid: string;
  state: string;
  attempts: { at: string; status: number | null }[];
}

const slugs = ['site-0', 'site-1', 'site-2'];

/** The real sandbox: real git, its own signatures, its own faults. Slower, so its rounds push less. */
export class SandboxHub implements Hub {
  readonly knowsBoundaries = false;
  readonly repositories = slugs.map((slug) => `acme/${slug}`);
  readonly figures: HubFigures = { deliveries: 0, refused: 0 };
  readonly #plan: Random;
  readonly #pushes: Journal<PushLine>;
  #bench: Bench | null = null;
  #pushNumber = 0;

  constructor({ folder, random }: { folder: string; random: Random }) {
    this.#plan = random.stream('plan');
    this.#pushes = new Journal(join(folder, 'pushes.jsonl'));
  }

  get url(): string {
    return this.#sandbox.url;
  }

  get #sandbox(): Bench {
    if (!this.#bench) throw new Error('the sandbox is not started');
    return this.#bench;
  }

  async start(): Promise<void> {
    const bench = (this.#bench = await Bench.start());
    await bench.control('POST', 'users', { nickname: 'ada', display_name: 'Ada Example' });
    await bench.control('POST', 'workspaces', { slug: 'acme', name: 'Acme', owner: 'ada' });
    for (const slug of slugs) {
      const files = { 'index.html': 'one\n' };
      await bench.control('POST', 'repositories', { workspace: 'acme', slug, files, user: 'ada' });
    }
    // One after the other would hide every disorder behind a delivery that waits for a server that is down.
    await bench.control('POST', 'settings', { delivery_in_order: false });
  }

  async install(server: string): Promise<void> {
    const descriptor_url = `${server}/atlassian-connect.json`;
    const body = { workspace: 'acme', user: 'ada', descriptor_url };
    await this.#sandbox.control('POST', 'apps/install', body);
  }

  async panelUrl(_server: string, repository: string): Promise<string> {
    const query = new URLSearchParams({ workspace: 'acme', repository, user: 'ada' });
    const path = `apps/panel-url?${query.toString()}`;
    return (await this.#sandbox.control<{ url: string }>('GET', path)).url;
  }

  async play(round: number): Promise<void> {
    const repository = this.#plan.pick(this.repositories);
    const places: Place[] = [
      { repository, refType: 'branch', name: 'main' },
      { repository, refType: 'branch', name: `round-${round}/a` },
      { repository: this.#plan.pick(this.repositories), refType: 'branch', name: 'main' },
    ];
    for (let left = this.#plan.int(2, 4); left > 0; left -= 1) {
      await this.#misfortune();
      await this.#push(this.#plan.pick(places));
    }
    await this.#resend();
    if (this.#plan.chance(0.5)) await this.#sandbox.control('POST', 'deliveries/release');
  }

  async calm(): Promise<void> {
    await this.#sandbox.control('DELETE', 'faults');
    await this.#sandbox.control('POST', 'deliveries/release');
  }

  idle(): Promise<void> {
    return this.#sandbox.idle();
  }

  async truth(): Promise<{ pushes: PushLine[]; acks: AckLine[]; statuses: StatusLine[] }> {
    const deliveries = await this.#deliveries();
    this.figures.deliveries = deliveries.reduce((sum, { attempts }) => sum + attempts.length, 0);
    const acks: AckLine[] = [];
    const pushes = this.#pushes.read();
    // The journal was written before the event had an id: it names the first delivery.
    const requests = new Map(deliveries.map(({ id, request_uuid }) => [id, request_uuid]));
    for (const { id, request_uuid: delivery, attempts } of deliveries) {
      const answered = attempts.find(({ status }) => status === 204);
      const told = pushes.find(({ event }) => event === id || requests.get(event) === delivery);
      if (answered && told) {
        acks.push({ event: told.event, delivery, at: Date.parse(answered.at) });
      }
    }
    return { pushes, acks, statuses: await this.#statuses(pushes) };
  }

  async stop(): Promise<void> {
    await this.#bench?.stop();
    this.#pushes.close();
  }

  /** Somebody presses "Resend": mostly on what failed while the server was down, sometimes on anything. */
  async #resend(): Promise<void> {
    const deliveries = await this.#deliveries();
    const arrived = new Set(
      deliveries.flatMap(({ state, request_uuid }) =>
        state === 'delivered' ? [request_uuid] : [],
      ),
    );
    // One of each: what is sent again is a delivery of its own, which may fail as well.
    const failed = new Map(
      deliveries
        .filter(({ state, request_uuid }) => state === 'failed' && !arrived.has(request_uuid))
        .map((delivery) => [delivery.request_uuid, delivery]),
    );
    const again = [...failed.values()].filter(() => this.#plan.chance(0.7));
    if (deliveries.length > 0 && this.#plan.chance(0.5)) again.push(this.#plan.pick(deliveries));
    for (const { id } of again) await this.#sandbox.control('POST', `deliveries/${id}/resend`);
  }

  /** Befalls the next event. */
  async #misfortune(): Promise<void> {
    const faults = {
      none: null,
      drop: { drop: true },
      same_id: { duplicate: 'same_id' },
      new_id: { duplicate: 'new_id' },
      late: { delay_ms: this.#plan.int(20, 900) },
      reorder: { reorder: true },
    };
    const name = this.#plan.weighted({
      ...{ none: 50, drop: 3, same_id: 14 },
      ...{ new_id: 5, late: 15, reorder: 13 },
    });
    if (name === 'none') return;
    const fault = { on: 'delivery', event: 'repo:push', times: 1, ...faults[name] };
    await this.#sandbox.control('POST', 'faults', fault);
  }

  async #push({ repository, refType, name }: Place): Promise<void> {
    const number = ++this.#pushNumber;
    const at = Date.now();
    const { changes, deliveries } = await this.#sandbox.control<PushAnswer>('POST', 'push', {
      repository,
      user: 'ada',
      [refType]: name,
      message: `Push ${number}`,
      files: { 'index.html': `${number} ${this.#plan.next()}\n` },
    });
    for (const { from, to } of changes) {
      const event = deliveries[0] ?? '';
      this.#pushes.write({
        number,
        at,
        event,
        repository,
        refType,
        name,
        from,
        to,
        isSkipped: false,
      });
    }
    if (this.#plan.chance(0.5)) await delay(this.#plan.int(0, 100));
  }

  async #deliveries(): Promise<DeliveryAnswer[]> {
    const path = 'deliveries?event=repo:push';
    const answer = await this.#sandbox.control<{ deliveries: DeliveryAnswer[] }>('GET', path);
    return answer.deliveries;
  }

  async #statuses(pushes: readonly PushLine[]): Promise<StatusLine[]> {
    const lines: StatusLine[] = [];
    for (const { repository, to: commit } of pushes) {
      if (commit === null) continue;
      const query = new URLSearchParams({ repository, commit });
      const { statuses } = await this.#sandbox.control<{
        statuses: { key: string; state: string; at: string }[];
      }>('GET', `statuses?${query.toString()}`);
      for (const { key, state, at } of statuses) {
        lines.push({ at: Date.parse(at), repository, commit, key, state });
      }
    }
    return lines;
  }
}
