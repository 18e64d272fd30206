import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { OutboundTimeout } from '../http/outbound.js';
import type { JsonObject } from '../json.js';
import type { World } from '../world.js';
import { callRemote } from './call-remote.js';
import { endpointOf, triggersFor } from './manifest.js';
import type { ForgeInstallation } from './model.js';

export interface ForgeAttempt {
  at: string;
  status: number | null;
  error: string | null;
  duration_ms: number;
}

export interface ForgeDelivery {
  id: string;
  event: string;
  /** `workspace/slug`; empty for lifecycle events. */
  repository: string;
  installation_id: string;
  endpoint: string;
  state: 'waiting' | 'delivered' | 'failed' | 'dropped' | 'too_large' | 'cancelled';
  body: JsonObject;
  attempts: ForgeAttempt[];
}

const maxEventBytes = 200 * 1024;
const maxRetries = 4;
const kept = 5_000;

/** Sends events to the app's server as Forge does (bitbucket-forge §2.6): late, at most five times, in no order. */
export class ForgeDeliveries {
  private readonly world: () => World;
  private readonly list: ForgeDelivery[] = [];
  private readonly stopping = new AbortController();
  private nextId = 1;
  private active = 0;
  private idleWaiters: (() => void)[] = [];

  constructor(world: () => World) {
    this.world = world;
    // One listener for each delivery that waits.
    setMaxListeners(0, this.stopping.signal);
  }

  get all(): readonly ForgeDelivery[] {
    return this.list;
  }

  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  /** To every trigger that wants the event; a fault of the control API may drop, double or delay it. */
  trigger(
    installation: ForgeInstallation,
    event: string,
    repository: string,
    body: JsonObject,
  ): ForgeDelivery[] {
    const fault = this.world().faults.takeForDelivery(event, repository);
    const copies = fault && fault.duplicate !== 'no' ? 2 : 1;
    return triggersFor(installation.manifest, event).flatMap((endpoint) =>
      Array.from({ length: copies }, () => {
        const delivery = this.record(installation, event, repository, endpoint, body);
        if (fault?.drop) delivery.state = 'dropped';
        else if (JSON.stringify(body).length > maxEventBytes) delivery.state = 'too_large';
        else this.start(installation, delivery, fault?.delay_ms ?? 0);
        return delivery;
      }),
    );
  }

  /** Once more, as it was: Forge promises nothing about copies. */
  resend(id: string): ForgeDelivery | undefined {
    const found = this.list.find((one) => one.id === id);
    const installation = found && this.world().state.forgeInstallation(found.installation_id);
    if (!found || !installation) return undefined;
    const { event, repository, endpoint, body } = found;
    const copy = this.record(installation, event, repository, endpoint, body);
    this.start(installation, copy, 0);
    return copy;
  }

  /** A call that is no event: the schedule, `preUninstall`. One try, at once. */
  async callOnce(
    installation: ForgeInstallation,
    kind: string,
    endpoint: string,
    body: JsonObject,
  ): Promise<ForgeDelivery> {
    const delivery = this.record(installation, kind, '', endpoint, body);
    const attempt = await this.attempt(installation, delivery, null);
    delivery.state = isSuccess(attempt) ? 'delivered' : 'failed';
    return delivery;
  }

  async idle(timeoutMs: number): Promise<boolean> {
    if (this.active === 0) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.idleWaiters.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  clear(): void {
    this.list.length = 0;
  }

  stop(): void {
    this.stopping.abort();
  }

  private record(
    installation: ForgeInstallation,
    event: string,
    repository: string,
    endpoint: string,
    body: JsonObject,
  ): ForgeDelivery {
    const delivery: ForgeDelivery = {
      id: String(this.nextId++),
      event,
      repository,
      installation_id: installation.id,
      endpoint,
      state: 'waiting',
      body,
      attempts: [],
    };
    this.list.push(delivery);
    if (this.list.length > kept) this.list.shift();
    return delivery;
  }

  private start(installation: ForgeInstallation, delivery: ForgeDelivery, delayMs: number): void {
    this.active += 1;
    void this.run(installation, delivery, delayMs).finally(() => {
      this.active -= 1;
      if (this.active > 0) return;
      const waiters = this.idleWaiters;
      this.idleWaiters = [];
      for (const waiter of waiters) waiter();
    });
  }

  private async run(
    installation: ForgeInstallation,
    delivery: ForgeDelivery,
    delayMs: number,
  ): Promise<void> {
    try {
      await this.wait(this.world().state.settings.forge_latency_ms + delayMs);
      for (let retry = 0; ; retry += 1) {
        const last = delivery.attempts.at(-1);
        const attempt = await this.attempt(installation, delivery, retryContext(retry, last));
        if (isSuccess(attempt)) {
          delivery.state = 'delivered';
          break;
        }
        if (retry === maxRetries) {
          delivery.state = 'failed';
          break;
        }
        await this.wait(this.world().state.settings.forge_retry_delay_ms);
      }
    } catch (error) {
      delivery.state = 'cancelled';
      if (!this.signal.aborted) this.world().log(`a Forge event was not sent: ${String(error)}`);
    }
    const answer =
      delivery.attempts.at(-1)?.status ?? delivery.attempts.at(-1)?.error ?? 'not sent';
    this.world().log(`${delivery.event} → ${delivery.endpoint}: ${answer}`);
  }

  private async wait(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.signal });
  }

  private async attempt(
    installation: ForgeInstallation,
    delivery: ForgeDelivery,
    retry: JsonObject | null,
  ): Promise<ForgeAttempt> {
    const { clock, state } = this.world();
    const startedAt = Date.now();
    const attempt: ForgeAttempt = {
      at: clock.timestamp(),
      status: null,
      error: null,
      duration_ms: 0,
    };
    delivery.attempts.push(attempt);
    const event = { ...delivery.body, ...(retry ? { retryContext: retry } : {}) };
    const body = state.settings.forge_wrapped_body ? { payload: event } : event;
    try {
      const answer = await callRemote(this.world(), {
        installation,
        endpoint: endpointOf(installation.manifest, delivery.endpoint),
        visit: null,
        method: 'POST',
        body: JSON.stringify(body),
        timeoutMs: state.settings.forge_timeout_ms,
        signal: this.signal,
      });
      attempt.status = answer.status;
    } catch (error) {
      if (this.signal.aborted) throw error;
      attempt.error = error instanceof OutboundTimeout ? 'TIMEOUT' : String(error);
    } finally {
      attempt.duration_ms = Date.now() - startedAt;
    }
    return attempt;
  }
}

function isSuccess({ status }: ForgeAttempt): boolean {
  return status !== null && status >= 200 && status <= 299;
}

function retryContext(retryCount: number, last: ForgeAttempt | undefined): JsonObject | null {
  if (!last) return null;
  const retryReason =
    last.error === 'TIMEOUT'
      ? 'TIMEOUT_ERROR'
      : last.status === 401
        ? 'INVALID_FORGE_INVOCATION_TOKEN'
        : 'INVALID_REMOTE_INVOCATION_ERROR';
  return { retryCount, retryReason, retryData: null };
}
