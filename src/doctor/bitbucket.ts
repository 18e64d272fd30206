import { fine, note, problem, type Finding } from '../core/diagnosis.js';
import { OutboundError, type OutboundHttp } from '../lib/outbound-http.js';

/** Bitbucket's tokens for us live three minutes; beyond half a minute they begin to be refused. */
const tolerableSkewMs = 30_000;
/** The header tells whole seconds, and the way takes time. */
const invisibleSkewMs = 5_000;
const patienceMs = 10_000;

export interface Places {
  bitbucketUrl: string;
  bitbucketApiUrl: string;
}

/** Reachability of both hosts, and the clock against the API's. Nothing is sent that anybody must keep secret. */
export async function bitbucketFindings(
  { bitbucketUrl, bitbucketApiUrl }: Places,
  http: OutboundHttp,
  clock: () => number,
): Promise<Finding[]> {
  // Public, needs no credential, and small.
  const api = await ask(http, 'GET', `${bitbucketApiUrl}/2.0/hook_events`, clock);
  // Refuses, as it should, whoever brings nothing.
  const site = await ask(http, 'POST', `${bitbucketUrl}/site/oauth2/access_token`, clock);
  return [
    reached('bitbucket-api', bitbucketApiUrl, api),
    reached('bitbucket-site', bitbucketUrl, site),
    clockFinding(api),
  ];
}

/** Whether our own address leads to us. */
export async function addressFinding(
  baseUrl: string,
  http: OutboundHttp,
  clock: () => number,
): Promise<Finding> {
  const answer = await ask(http, 'GET', `${baseUrl}/healthz`, clock);
  if ('status' in answer && answer.status === 200) {
    return fine('address', `${baseUrl} leads here.`);
  }
  const why = 'status' in answer ? `it answers ${answer.status}` : answer.failure;
  const advice = 'Check SLIPWAY_BASE_URL, the proxy in front, and its certificate.';
  return note('address', `${baseUrl} cannot be reached from here: ${why}.`, advice);
}

type Answer = { status: number; tookMs: number; skewMs: number | null } | { failure: string };

async function ask(
  http: OutboundHttp,
  method: 'GET' | 'POST',
  url: string,
  clock: () => number,
): Promise<Answer> {
  const startedAt = clock();
  try {
    const { status, headers } = await http.send({ method, url, timeoutMs: patienceMs });
    const tookMs = clock() - startedAt;
    const date = Date.parse(headers['date'] ?? '');
    const skewMs = Number.isNaN(date) ? null : startedAt + tookMs / 2 - date;
    return { status, tookMs, skewMs };
  } catch (error) {
    return { failure: error instanceof OutboundError ? error.message : 'no answer' };
  }
}

function reached(check: string, url: string, answer: Answer): Finding {
  if ('failure' in answer) {
    const advice = 'Check name lookup, firewall and proxy of this machine.';
    return problem(check, `${url} does not answer: ${answer.failure}.`, advice);
  }
  const { status, tookMs } = answer;
  if (status >= 500) {
    return problem(
      check,
      `${url} answers ${status}.`,
      'See https://bitbucket.status.atlassian.com.',
    );
  }
  if (status === 429) return note(check, `${url} answers, but wants fewer calls.`);
  return fine(check, `${url} answers in ${tookMs} ms.`);
}

function clockFinding(answer: Answer): Finding {
  const skewMs = 'skewMs' in answer ? answer.skewMs : null;
  if (skewMs === null) return note('clock', 'Cannot be compared: Bitbucket told no time.');
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const says = `This machine is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} Bitbucket.`;
  const advice = 'Keep the clock right with NTP.';
  if (Math.abs(skewMs) >= tolerableSkewMs) return problem('clock', says, advice);
  if (Math.abs(skewMs) >= invisibleSkewMs) return note('clock', says, advice);
  return fine('clock', 'The same as Bitbucket’s.');
}
