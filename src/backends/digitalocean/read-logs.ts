import { OutboundError, type OutboundHttp } from '../../lib/outbound-http.js';
import type { CallContext } from './api.js';
import type { AppCalls } from './app-calls.js';

const mostBytes = 4 * 1024 * 1024;
const mostFiles = 20;

/**
 * The log of a deployment, build first. DigitalOcean answers with addresses that open for whoever has them: they are read at once,
 * without the token, and kept nowhere. Null: there is none (yet).
 */
export async function readLogs(
  ids: { app: string; deployment: string },
  tools: { calls: AppCalls; files: Pick<OutboundHttp, 'send'> },
  context: CallContext,
): Promise<string | null> {
  const parts: string[] = [];
  for (const type of ['BUILD', 'DEPLOY'] as const) {
    // A phase that was never reached answers 400 (reference §1.3): no logs, like every other failure here.
    const places = await tools.calls.logs(ids.app, ids.deployment, type, context);
    if (!places.ok) continue;
    const urls = places.value.historic_urls.slice(0, mostFiles);
    const live = places.value.live_url;
    if (urls.length === 0 && live?.startsWith('https:')) urls.push(live);
    for (const url of urls) {
      const text = await readFile(url, tools.files, context.signal);
      if (text !== null && text !== '') parts.push(text.endsWith('\n') ? text : `${text}\n`);
    }
  }
  return parts.length === 0 ? null : parts.join('');
}

async function readFile(
  url: string,
  files: Pick<OutboundHttp, 'send'>,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const request = { method: 'GET', url, signal, maxResponseBytes: mostBytes } as const;
    const answer = await files.send(request);
    return answer.status === 200 ? answer.text : null;
  } catch (error) {
    if (error instanceof OutboundError) return null;
    throw error;
  }
}
