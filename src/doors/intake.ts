import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Accepted, InboundEvent } from '../actions/accept-events.js';
import type { NoteUnreadable } from '../actions/note-unreadable.js';
import { InfrastructureError, InputError } from '../core/errors.js';
import type { Measures } from '../core/measures.js';
import type { HookEvent, RefChange } from '../core/model/index.js';
import type { Clock, Logger } from '../core/ports.js';
import { sameUuid } from '../lib/same-uuid.js';
import type { DoorVerification, EventDoor, ParsedDelivery, RawDelivery } from './event-door.js';
import { readRawBody } from './raw-body.js';
import { createTurns } from './turns.js';

export interface IntakeDeps {
  doors: readonly EventDoor[];
  /** Stores it and sees to it that somebody works on what follows. */
  accept(event: InboundEvent): Promise<Accepted>;
  noteUnreadable: NoteUnreadable;
  /** Absent: nobody counts. */
  measures?: Pick<Measures, 'delivered'>;
  clock: Clock;
  logger: Logger;
}

interface RunningDeps extends IntakeDeps {
  /** Settles when it is this delivery's turn to be worked on. */
  turn(): Promise<void>;
}

type Verified = Extract<DoorVerification, { ok: true }>;

/** What is answered, and the words for the one log line of the delivery. */
interface Answer {
  status: 204 | 400 | 401 | 403 | 413 | 503;
  log: Record<string, unknown>;
}

/** How many are verified and parsed before the event loop looks around: about a millisecond's worth. */
const deliveriesPerTurn = 8;
/** Of one push; hundreds of tags may come in one. */
const changesLogged = 5;
const retryAfterSeconds = '5';
/** For how long a sender may go on sending after an answer that came before the end of its body. */
const lingerMs = 2_000;

/**
 * Raw body → verified → parsed → stored → answered, for every door, on the bare `http.Server`: Express would cost seven
 * times as much. Never 2xx before the commit; 503 for anything that is ours, since Bitbucket resends on 5xx only.
 *
 * Returns false when the request is not for a door.
 */
export function createIntake(
  deps: IntakeDeps,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const running = { ...deps, turn: createTurns(deliveriesPerTurn) };
  return (request, response) => {
    if (request.method !== 'POST') return false;
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const door = deps.doors.find((candidate) =>
      candidate.path.endsWith('/') ? path.startsWith(candidate.path) : path === candidate.path,
    );
    if (!door) return false;
    void serve(request, response, door, running);
    return true;
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  door: EventDoor,
  deps: RunningDeps,
): Promise<void> {
  const startedAt = deps.clock();
  const answer = await answerTo(request, door, deps).catch((error: unknown): Answer => {
    deps.logger.error({ door: door.door, err: error }, 'intake.failed');
    return { status: 503, log: { noop: 'internal' } };
  });
  if (answer.status === 503) response.setHeader('retry-after', retryAfterSeconds);
  if (request.complete) response.writeHead(answer.status).end();
  else answerEarly(request, response, answer.status);
  const fields = {
    door: door.door,
    status: answer.status,
    ms: deps.clock() - startedAt,
    ...answer.log,
  };
  deps.measures?.delivered(door.door, answer.status);
  if (answer.status === 204) deps.logger.info(fields, 'event.received');
  else deps.logger.warn(fields, 'event.refused');
}

/**
 * An answer to somebody who is still sending. Closing at once would break their connection before they read it; so the rest
 * is thrown away for a moment first, and is never taken for the next request.
 */
function answerEarly(request: IncomingMessage, response: ServerResponse, status: number): void {
  response.writeHead(status, { connection: 'close', 'content-length': '0' });
  response.flushHeaders();
  const limit = setTimeout(() => request.destroy(), lingerMs);
  const done = (): void => {
    clearTimeout(limit);
    response.end();
  };
  request.once('end', done).once('close', done);
  request.resume();
}

async function answerTo(
  request: IncomingMessage,
  door: EventDoor,
  deps: RunningDeps,
): Promise<Answer> {
  let body: Buffer;
  try {
    body = await readRawBody(request);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { status: error.code === 'body_too_large' ? 413 : 400, log: { noop: error.code } };
  }
  await deps.turn();
  const delivery: RawDelivery = {
    method: request.method ?? 'POST',
    rawUrl: request.url ?? '/',
    headers: request.headers,
    body,
  };
  const verified = await door.verify(delivery);
  if (!verified.ok) {
    const { answer: status = 401, why } = verified;
    return { status, log: { noop: status === 204 ? 'not_ours' : 'not_verified', why } };
  }
  try {
    return await take(delivery, door.parse(delivery), verified, deps);
  } catch (error) {
    if (error instanceof InfrastructureError) return { status: 503, log: { noop: error.code } };
    if (!(error instanceof InputError)) throw error;
    return unreadable(delivery, verified.source, error, deps);
  }
}

async function take(
  delivery: RawDelivery,
  parsed: ParsedDelivery,
  verified: Verified,
  deps: IntakeDeps,
): Promise<Answer> {
  const { event, deliveryId, eventKey, attemptNumber } = parsed;
  const log: Record<string, unknown> = {
    delivery: deliveryId,
    event: eventKey,
    attempt: attemptNumber,
  };
  if (event.kind === 'ignored') return { status: 204, log: { ...log, noop: event.noop } };
  const spoken = speaksFor(event, verified);
  if (!spoken.ok) return { status: 401, log: { ...log, noop: spoken.noop } };
  const accepted = await deps.accept({
    source: verified.source,
    workspaceUuid: spoken.workspaceUuid,
    deliveryId,
    eventKey,
    attemptNumber,
    event,
    receivedAt: deps.clock(),
  });
  log['repository'] = event.repository.uuid;
  log['name'] = event.repository.fullName;
  if (event.kind === 'push') log['pushed'] = event.changes.slice(0, changesLogged).map(inWords);
  log['id'] = accepted.eventId;
  if (accepted.isNew) {
    log['changes'] = accepted.refChanges;
    log['deployments'] = accepted.deployments;
  } else log['noop'] = 'known';
  return { status: 204, log };
}

/** Enough to find the push, and by its commit the lines of what it led to. */
function inWords({ refType, name, to }: RefChange): string {
  return `${refType} ${name} ${to?.slice(0, 12) ?? 'deleted'}`;
}

type Spoken = { ok: true; workspaceUuid: string | null } | { ok: false; noop: string };

/**
 * The body is not covered by a Connect token, so it must not name another workspace than the signer's. A transfer is the one
 * event that may: it tells of the new owner. A repository's own hook speaks for that repository alone, wherever it is now.
 */
function speaksFor(
  event: Exclude<HookEvent, { kind: 'ignored' }>,
  { workspaceUuid: signer, repositoryUuid }: Verified,
): Spoken {
  const { workspaceUuid: named, uuid } = event.repository;
  if (repositoryUuid !== undefined) {
    return sameUuid(repositoryUuid, uuid)
      ? { ok: true, workspaceUuid: null }
      : { ok: false, noop: 'another_repository' };
  }
  if (signer === null) {
    return named === null
      ? { ok: false, noop: 'another_workspace' }
      : { ok: true, workspaceUuid: named };
  }
  const speaks =
    named === null || event.kind === 'repository_transferred' || sameUuid(named, signer);
  return speaks ? { ok: true, workspaceUuid: signer } : { ok: false, noop: 'another_workspace' };
}

async function unreadable(
  delivery: RawDelivery,
  source: Verified['source'],
  error: InputError,
  deps: IntakeDeps,
): Promise<Answer> {
  const bodyDigest = digest(delivery.body);
  const named = delivery.headers['x-request-uuid'];
  await deps.noteUnreadable({
    source,
    bodyDigest,
    deliveryId: typeof named === 'string' ? named : `digest:${bodyDigest}`,
    eventKey: String(delivery.headers['x-event-key'] ?? 'unknown'),
    attemptNumber: Number(delivery.headers['x-attempt-number'] ?? 1) || 1,
  });
  return { status: 400, log: { noop: error.code, why: error.message, digest: bodyDigest } };
}

function digest(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}
