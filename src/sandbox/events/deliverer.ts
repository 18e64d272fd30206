import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import type { JsonObject } from '../json.js';
import type { World } from '../world.js';
import type { Delivery } from './delivery.js';
import { sendDelivery, type Job } from './send-delivery.js';
import type { Subscriber } from './subscribers.js';

const kept = 5_000;

/** Sends events as Bitbucket does (bitbucket-api §5.1, §5.3) and remembers every attempt. */
export class Deliverer {
  private readonly world: () => World;
  private readonly jobs = new Map<string, Job>();
  private readonly queues = new Map<string, Promise<void>>();
  private readonly held = new Map<string, Job[]>();
  private readonly stopping = new AbortController();
  private active = 0;
  private nextId = 1;
  private idleWaiters: (() => void)[] = [];

  constructor(world: () => World) {
    this.world = world;
    // One listener for each delivery that waits.
    setMaxListeners(0, this.stopping.signal);
  }

  get deliveries(): Delivery[] {
    return [...this.jobs.values()].map((job) => job.delivery);
  }

  /** Takes an event for one subscriber; returns the ids of the deliveries it became. */
  deliver(
    subscriber: Subscriber,
    event: string,
    repository: string,
    payload: JsonObject,
  ): string[] {
    const fault = this.world().faults.takeForDelivery(event, repository);
    const body = JSON.stringify(subscriber.body(event, payload));
    const job = this.newJob(subscriber, event, repository, body, fault?.delay_ms ?? 0);
    const jobs = [job];
    if (fault && fault.duplicate !== 'no') {
      const copy = this.newJob(subscriber, event, repository, body, fault.delay_ms);
      if (fault.duplicate === 'same_id') copy.delivery.request_uuid = job.delivery.request_uuid;
      jobs.push(copy);
    }
    for (const one of jobs) {
      if (fault?.drop) one.delivery.state = 'dropped';
      else if (one.delivery.bytes > this.world().state.settings.delivery_max_bytes) {
        one.delivery.state = 'too_large';
      } else if (fault?.reorder) this.hold(one);
      else this.enqueue(one);
    }
    return jobs.map((one) => one.delivery.id);
  }

  /** The "Resend" button: the same body and the same X-Request-UUID. */
  resend(id: string): Delivery | undefined {
    const job = this.jobs.get(id);
    if (!job) return undefined;
    const { delivery, subscriber } = job;
    const copy = this.newJob(subscriber, delivery.event, delivery.repository, delivery.body, 0);
    copy.eventTime = job.eventTime;
    copy.delivery.request_uuid = delivery.request_uuid;
    copy.delivery.resend_of = delivery.id;
    this.enqueue(copy);
    return copy.delivery;
  }

  /** Resolves when nothing is in flight or waiting; held deliveries wait for another one. */
  async idle(timeoutMs: number): Promise<boolean> {
    if (this.active === 0) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.idleWaiters = this.idleWaiters.filter((waiter) => waiter !== done);
        resolve(false);
      }, timeoutMs);
      const done = () => {
        clearTimeout(timer);
        resolve(true);
      };
      this.idleWaiters.push(done);
    });
  }

  get heldCount(): number {
    return [...this.held.values()].reduce((sum, jobs) => sum + jobs.length, 0);
  }

  /** Sends what a `reorder` fault still holds back. */
  releaseHeld(): void {
    for (const hook of this.held.keys()) this.releaseHook(hook);
  }

  clear(): void {
    this.held.clear();
    for (const [id, job] of this.jobs) {
      if (job.delivery.state !== 'waiting' && job.delivery.state !== 'sending') {
        this.jobs.delete(id);
      }
    }
  }

  stop(): void {
    this.stopping.abort();
  }

  private newJob(
    subscriber: Subscriber,
    event: string,
    repository: string,
    body: string,
    delayMs: number,
  ): Job {
    const { clock } = this.world();
    const delivery: Delivery = {
      id: String(this.nextId++),
      event,
      repository,
      hook_uuid: subscriber.hookUuid,
      request_uuid: randomUUID(),
      url: subscriber.url,
      owner: subscriber.owner,
      state: 'waiting',
      created_at: clock.timestamp(),
      resend_of: null,
      bytes: Buffer.byteLength(body),
      body,
      attempts: [],
    };
    const job = { delivery, subscriber, eventTime: new Date(clock.now()), delayMs };
    this.jobs.set(delivery.id, job);
    const oldest = this.jobs.keys().next();
    if (this.jobs.size > kept && !oldest.done) this.jobs.delete(oldest.value);
    return job;
  }

  private hold(job: Job): void {
    job.delivery.state = 'held';
    const hook = job.delivery.hook_uuid;
    this.held.set(hook, [...(this.held.get(hook) ?? []), job]);
  }

  private releaseHook(hook: string): void {
    const jobs = this.held.get(hook) ?? [];
    this.held.delete(hook);
    for (const job of jobs) this.enqueue(job);
  }

  private enqueue(job: Job): void {
    job.delivery.state = 'waiting';
    this.active += 1;
    const hook = job.delivery.hook_uuid;
    const ordered = this.world().state.settings.delivery_in_order;
    // A delayed delivery is overtaken by later ones, as a slow one is at Bitbucket.
    const inLine = ordered && job.delayMs === 0;
    const before = inLine ? (this.queues.get(hook) ?? Promise.resolve()) : Promise.resolve();
    const mine = before.then(() => this.run(job)).finally(() => this.finished(hook, mine));
    if (inLine) this.queues.set(hook, mine);
  }

  private finished(hook: string, mine: Promise<void>): void {
    if (this.queues.get(hook) === mine) this.queues.delete(hook);
    // Before the count goes down, so that idle() does not answer in between.
    this.releaseHook(hook);
    this.active -= 1;
    if (this.active > 0) return;
    const waiters = this.idleWaiters;
    this.idleWaiters = [];
    for (const waiter of waiters) waiter();
  }

  private async run(job: Job): Promise<void> {
    const { delivery } = job;
    const { signal } = this.stopping;
    try {
      if (job.delayMs > 0) await sleep(job.delayMs, undefined, { signal });
      delivery.state = 'sending';
      await sendDelivery(this.world(), job, signal);
    } catch (error) {
      delivery.state = 'cancelled';
      if (signal.aborted) return;
      this.world().log(`a delivery failed inside the sandbox: ${String(error)}`);
    }
    const { attempts } = delivery;
    const answer = attempts.at(-1)?.status ?? attempts.at(-1)?.error ?? 'not sent';
    const tries = attempts.length > 1 ? ` (attempt ${attempts.length})` : '';
    const { event, repository, url } = delivery;
    this.world().log(`${event} of ${repository} → ${url}: ${answer}${tries}`);
  }
}
