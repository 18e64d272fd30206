import { pino, type DestinationStream } from 'pino';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** Field names whose values never reach a log, at any of the depths we log at. */
const secretFields = [
  'secret',
  'sharedSecret',
  'secretSealed',
  'secrets',
  'password',
  'token',
  'accessToken',
  'access_token',
  'refresh_token',
  'authorization',
  'jwt',
  'cookie',
  'masterKey',
];

const redactPaths = secretFields.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/**
 * One JSON line per event, messages static, data in fields. Headers and bodies are never logged; the redaction list is
 * the second fence, not the first.
 */
export function createLogger(level: LogLevel, destination?: DestinationStream) {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactPaths, censor: '[redacted]' },
      serializers: { err: serializeError },
    },
    destination ?? pino.destination(2),
  );
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
