import { z } from 'zod';
import type { ObservedState } from '../../core/backend.js';
import {
  OutboundError,
  type OutboundHttp,
  type OutboundResponse,
} from '../../lib/outbound-http.js';
import { redactText } from '../../lib/redact-text.js';
import { retryAfterMs } from '../../lib/retry-after.js';
import { signMessage } from '../../lib/standard-webhooks.js';
import type { Message } from './messages.js';
import type { SignedWebhookOptions } from './ports.js';
import type { SignedWebhookSettings } from './settings.js';

export type Answer =
  | {
      kind: 'answered';
      status: number;
      body: AnswerBody;
      /** HTML: a login page or a proxy's, not a receiver. */
      isPage: boolean;
      retryAfterMs: number | undefined;
    }
  /** Surely nothing arrived. `isRefused`: our own guard said no, and will again. */
  | { kind: 'not_sent'; reason: string; isRefused: boolean }
  /** It may have arrived. */
  | { kind: 'no_answer'; reason: string };

/** What we understand of an answer; everything else in it is ignored. Text is fit to be shown. */
export interface AnswerBody {
  externalId?: string;
  url?: string;
  state?: ObservedState;
  /** A state that is none of ours. */
  strangeState?: string;
  message?: string;
  found?: boolean;
}

const messageLimit = 500;
const states = ['queued', 'building', 'deploying', 'live', 'failed', 'stopped'] as const;

/** One signed POST. Never throws for what the other side does. */
export async function sendMessage(
  message: Message,
  settings: SignedWebhookSettings,
  options: { http: Pick<OutboundHttp, 'send'>; clock: SignedWebhookOptions['clock'] },
  signal: AbortSignal,
): Promise<Answer> {
  const now = options.clock();
  const { type, id, data } = message;
  const body = JSON.stringify({ type, timestamp: new Date(now).toISOString(), data });
  const headers = {
    'Content-Type': 'application/json',
    ...signMessage({ id, at: now, body }, settings.keys),
  };
  try {
    const response = await options.http.send({
      method: 'POST',
      url: settings.url,
      headers,
      body,
      signal,
    });
    return readAnswer(response, settings.hidden, options.clock());
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return withoutAnswer(error, new URL(settings.url).host);
  }
}

function readAnswer(response: OutboundResponse, hidden: readonly string[], now: number): Answer {
  return {
    kind: 'answered',
    status: response.status,
    body: readBody(response.text, hidden),
    isPage: /^\s*text\/html\b/i.test(response.headers['content-type'] ?? ''),
    retryAfterMs: retryAfterMs(response.headers['retry-after'], now),
  };
}

const bodyShape = z.object({
  external_id: z
    .union([z.string().min(1).max(200), z.number().int()])
    .optional()
    .catch(undefined),
  url: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .optional()
    .catch(undefined),
  state: z.string().optional().catch(undefined),
  message: z.string().optional().catch(undefined),
  found: z.boolean().optional().catch(undefined),
});

/** Lenient: a body is an extra, and the status has spoken. */
function readBody(text: string, hidden: readonly string[]): AnswerBody {
  const parsed = bodyShape.safeParse(parseJson(text));
  if (!parsed.success) return {};
  const { external_id: externalId, url, state, message, found } = parsed.data;
  const known = states.find((one) => one === state);
  const clean = (value: string) => redactText(value, hidden, messageLimit);
  return {
    ...(externalId === undefined ? {} : { externalId: clean(String(externalId)) }),
    ...(url === undefined ? {} : { url: clean(url) }),
    ...(known === undefined ? {} : { state: known }),
    ...(state === undefined || known !== undefined ? {} : { strangeState: clean(state) }),
    ...(message === undefined ? {} : { message: clean(message) }),
    ...(found === undefined ? {} : { found }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function withoutAnswer(error: OutboundError, host: string): Answer {
  if (error.beforeSend) {
    const isRefused = error.failure === 'refused_url';
    return { kind: 'not_sent', reason: notSentWords(error, host), isRefused };
  }
  return { kind: 'no_answer', reason: noAnswerWords(error, host) };
}

function notSentWords({ failure, code }: OutboundError, host: string): string {
  if (failure === 'refused_url') {
    return `${host} may not be called from here: only https, and no private or reserved network.`;
  }
  if (failure === 'timeout' || failure === 'aborted') return `no connection to ${host} in time`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `the name ${host} is not known (${code})`;
  const isCertificate = code !== null && /CERT|SIGNED|SIGNATURE|ISSUER/.test(code);
  return isCertificate
    ? `the certificate of ${host} is not to be trusted (${code})`
    : `no connection to ${host}${code === null ? '' : ` (${code})`}`;
}

function noAnswerWords({ failure }: OutboundError, host: string): string {
  switch (failure) {
    case 'timeout':
    case 'aborted':
      return `${host} did not answer in time.`;
    case 'too_large':
      return `${host} answered more than can be read.`;
    default:
      return `The connection to ${host} broke before it answered.`;
  }
}
