import { OutboundError, type OutboundHttp } from '../../lib/outbound-http.js';
import type { CallContext } from './api.js';
import type { AppCalls } from './app-calls.js';

const mostBytes = 4 * 1024 * 1024;
const mostFiles = 20;
/** A stream of what is being built right now does not end: what comes in this time is enough for a tail. */
const live = { partial: true, timeoutMs: 2_000, maxResponseBytes: 256 * 1024 } as const;
const phases = ['BUILD', 'DEPLOY'] as const;

export type LogTypes = readonly (typeof phases)[number][];

/**
 * The log of a deployment, build first. DigitalOcean answers with addresses that open for whoever has them: they are read at once,
 * without the token, and kept nowhere. Null: there is none (yet).
 */
export async function readLogs(
  ids: { app: string; deployment: string },
  tools: { calls: AppCalls; files: Pick<OutboundHttp, 'send'> },
  context: CallContext,
  types: LogTypes = phases,
): Promise<string | null> {
  const parts: string[] = [];
  for (const type of types) {
    // A phase that was never reached answers 400 (reference §1.3): no logs, like every other failure here.
    const places = await tools.calls.logs(ids.app, ids.deployment, type, context);
    if (!places.ok) continue;
    const { historic_urls: files, live_url: stream } = places.value;
    const texts: (string | null)[] = [];
    for (const url of files.slice(0, mostFiles)) {
      texts.push(await readFile(url, tools.files, context.signal));
    }
    // A stream by WebSocket (wss) is left alone: it ends up in a file a moment later.
    if (files.length === 0 && stream !== undefined && /^https?:/.test(stream)) {
      texts.push(await readFile(stream, tools.files, context.signal, live));
    }
    for (const text of texts) {
      if (text !== null && text !== '') parts.push(text.endsWith('\n') ? text : `${text}\n`);
    }
  }
  return parts.length === 0 ? null : parts.join('');
}

async function readFile(
  url: string,
  files: Pick<OutboundHttp, 'send'>,
  signal: AbortSignal,
  how: typeof live | { maxResponseBytes: number } = { maxResponseBytes: mostBytes },
): Promise<string | null> {
  try {
    const answer = await files.send({ method: 'GET', url, signal, ...how });
    return answer.status === 200 ? answer.text : null;
  } catch (error) {
    if (error instanceof OutboundError) return null;
    throw error;
  }
}
