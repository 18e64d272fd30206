import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { OutboundTimeout, send } from '../http/outbound.js';
import type { World } from '../world.js';
import type { Attempt, Delivery } from './delivery.js';
import type { Subscriber } from './subscribers.js';

export interface Job {
  delivery: Delivery;
  subscriber: Subscriber;
  eventTime: Date;
  delayMs: number;
}

/** Three tries in all, at once one after the other (bitbucket-api §5.3). */
export async function sendDelivery(world: World, job: Job, signal: AbortSignal): Promise<void> {
  const { delivery } = job;
  for (let number = 1; number <= 3; number += 1) {
    // Made anew each time; null when the app has gone meanwhile.
    const authorization = job.subscriber.authorization(delivery.body);
    if (authorization === null) {
      delivery.state = 'cancelled';
      return;
    }
    const attempt = await sendOnce(world, job, number, authorization, signal);
    if (!isRepeated(world, attempt)) break;
  }
  const status = delivery.attempts.at(-1)?.status ?? 0;
  delivery.state = status >= 200 && status < 300 ? 'delivered' : 'failed';
}

/** 5xx only, for certain; whether silence counts is a switch. */
function isRepeated(world: World, attempt: Attempt): boolean {
  const { settings } = world.state;
  if (attempt.error === 'TIMEOUT') return settings.retry_timeouts;
  if (attempt.error !== null) return settings.retry_network_errors;
  return attempt.status !== null && attempt.status >= 500 && attempt.status <= 599;
}

async function sendOnce(
  world: World,
  job: Job,
  number: number,
  authorization: Record<string, string>,
  signal: AbortSignal,
): Promise<Attempt> {
  const { settings } = world.state;
  const { delivery } = job;
  const headers = { ...eventHeaders(job, number), ...authorization };
  if (settings.delivery_gzip) headers['Content-Encoding'] = 'gzip';
  const attempt: Attempt = {
    number,
    at: world.clock.timestamp(),
    duration_ms: 0,
    request_headers: masked(headers),
    status: null,
    response_body: '',
    error: null,
  };
  delivery.attempts.push(attempt);
  const started = Date.now();
  const body = settings.delivery_gzip ? gzipSync(delivery.body) : delivery.body;
  const timeoutMs = settings.delivery_timeout_ms;
  try {
    const request = {
      method: 'POST' as const,
      url: delivery.url,
      headers,
      body,
      timeoutMs,
      signal,
    };
    const answer = await send(request);
    attempt.status = answer.status;
    attempt.response_body = answer.body.slice(0, 2_000);
  } catch (error) {
    if (signal.aborted) throw error;
    attempt.error = error instanceof OutboundTimeout ? 'TIMEOUT' : networkError(error);
  } finally {
    attempt.duration_ms = Date.now() - started;
  }
  return attempt;
}

function eventHeaders(job: Job, number: number): Record<string, string> {
  const traceId = job.delivery.request_uuid.replaceAll('-', '');
  const spanId = randomBytes(8).toString('hex');
  return {
    'User-Agent': 'Bitbucket-Webhooks/2.0',
    'Content-Type': 'application/json',
    'X-Event-Key': job.delivery.event,
    'X-Hook-UUID': job.delivery.hook_uuid,
    'X-Request-UUID': job.delivery.request_uuid,
    'X-Attempt-Number': String(number),
    'X-Event-Time': job.eventTime.toUTCString(),
    traceparent: `00-${traceId}-${spanId}-01`,
    'X-B3-TraceId': traceId,
    'X-B3-SpanId': spanId,
    'X-B3-Sampled': '1',
  };
}

function masked(headers: Record<string, string>): Record<string, string> {
  const { Authorization, ...rest } = headers;
  return Authorization === undefined
    ? rest
    : { ...rest, Authorization: `${Authorization.split(' ')[0] ?? ''} ***` };
}

function networkError(error: unknown): string {
  if (!(error instanceof Error)) return 'network error';
  const code = (error as NodeJS.ErrnoException).code;
  return code ?? error.message;
}
