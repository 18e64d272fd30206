import { constants, openSync } from 'node:fs';
import { pino, stdTimeFunctions, type DestinationStream } from 'pino';
// Pino brings an older one, whose last flush goes round for ever when the reader is gone.
import sonicBoom from 'sonic-boom';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** Field names whose values never reach a log, in lower case and at any depth. */
const secretFields = new Set([
  'secret',
  'sharedsecret',
  'secretsealed',
  'secrets',
  'secretssealed',
  'password',
  'token',
  'accesstoken',
  'access_token',
  'refreshtoken',
  'refresh_token',
  'authorization',
  'jwt',
  'cookie',
  'masterkey',
]);

/** Deeper than anything we log; what lies below is left out rather than looked through. */
const maxDepth = 6;
/** Lines that wait for a reader who has stopped reading: more is dropped, so that nobody's pipe fills our memory. */
const maxWaitingBytes = 16 * 1024 * 1024;

/**
 * One JSON line per event, messages static, data in fields. Headers and bodies are never logged; the redaction is the second
 * fence, not the first. It is our own: pino's wildcard paths cost 43 µs a line, which was a third of what a push costs.
 *
 * Lines are written beside the event loop, which therefore never waits for whoever reads them; while one write is under way
 * the next lines gather. What waits is written at exit, also after an uncaught error.
 */
export function createLogger(level: LogLevel, stream?: DestinationStream) {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redacted, bindings: redacted },
      // Errors are already what may be said of them; pino's own serializer would call them objects.
      serializers: { err: (value: unknown) => value },
    },
    stream ?? stderrByTurns(),
  );
}

/** How often the last lines of a process are offered to a reader who stands still, 100 ms apart. */
const lastOffers = 10;

/** One listener of the process for however many loggers. */
const atExit: (() => void)[] = [];

/**
 * What is logged in one turn of the event loop goes out with one write. A reader who is gone or stands still holds up
 * neither the server nor its end: what does not get out by then is dropped.
 */
function stderrByTurns(): DestinationStream {
  let isEnding = false;
  let offers = 0;
  const stderr = new sonicBoom.SonicBoom({
    fd: unblockedStderr(),
    sync: false,
    maxLength: maxWaitingBytes,
    retryEAGAIN: () => !isEnding || (offers += 1) < lastOffers,
  });
  // There is nowhere to say it; the next line is the next try.
  stderr.on('error', () => undefined);
  let waiting = '';
  const flush = (): void => {
    const lines = waiting;
    waiting = '';
    if (lines !== '') stderr.write(lines);
  };
  if (atExit.length === 0) process.once('exit', () => atExit.forEach((write) => write()));
  atExit.push(() => {
    isEnding = true;
    try {
      flush();
      stderr.flushSync();
    } catch {
      // As above, and there is no next line.
    }
  });
  return {
    write(line) {
      if (waiting === '') setImmediate(flush);
      waiting += line;
    },
  };
}

/**
 * Standard error, opened once more so that a full pipe answers at once: a thread that waits in a write for its reader keeps
 * Node from ending. Sockets, which a service manager hands out, cannot be opened again; nor can what is another user's.
 */
function unblockedStderr(): number {
  try {
    const { O_WRONLY, O_APPEND, O_NONBLOCK } = constants;
    return openSync('/proc/self/fd/2', O_WRONLY | O_APPEND | O_NONBLOCK);
  } catch {
    return 2;
  }
}

function redacted(fields: Record<string, unknown>): Record<string, unknown> {
  return clean(fields, maxDepth);
}

/** A copy only where something has to go: the usual line is flat and leaves as it came. */
function clean(fields: Record<string, unknown>, depth: number): Record<string, unknown> {
  let copy: Record<string, unknown> | null = null;
  for (const name in fields) {
    const value = fields[name];
    const cleaned = isSecret(name) ? '[redacted]' : cleanValue(value, depth);
    if (cleaned === value) continue;
    copy ??= { ...fields };
    copy[name] = cleaned;
  }
  return copy ?? fields;
}

function cleanValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return serializeError(value);
  if (depth === 0) return '[deep]';
  if (Array.isArray(value)) return value.map((each) => cleanValue(each, depth - 1));
  return clean(value as Record<string, unknown>, depth - 1);
}

/** Names repeat from line to line; folding their case once is enough. */
const known = new Map<string, boolean>();
const maxKnown = 1_000;

function isSecret(name: string): boolean {
  let secret = known.get(name);
  if (secret === undefined) {
    secret = secretFields.has(name.toLowerCase());
    if (known.size < maxKnown) known.set(name, secret);
  }
  return secret;
}

/** An axios error carries the request with its headers; only name, code, message and stack may be logged. */
function serializeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = (error as { code?: unknown }).code;
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: serializeError(error.cause) }),
  };
}
