import type { BackendDeployment, LookupResult } from '../../core/backend.js';
import type { Clock } from '../../core/ports.js';
import type { CallContext } from './api.js';
import type { AppCalls } from './app-calls.js';
import { failedLookup } from './outcomes.js';
import { builtCommit } from './progress.js';
import type { AppSettings } from './settings.js';
import { hasNext, type Deployment } from './shapes.js';

/** A request that timed out here may still be on its way there for so long. */
const lateMs = 60_000;
/** Their clock is read from the `Date` of their answer, which has whole seconds. */
const clockErrorMs = 2_000;
const mostPages = 5;

/**
 * What became of a request that was never answered. Whatever was asked for by hand or by API since then was built from the head of
 * the branch as it stood after the push, so it holds this commit or a newer one: it is ours, or as good as ours, and nothing is sent
 * again. Absence is believed only when the request can no longer be on its way.
 */
export async function findDeployment(
  request: BackendDeployment,
  { app }: AppSettings,
  tools: { calls: AppCalls; clock: Clock },
  context: CallContext,
): Promise<LookupResult> {
  const { sent } = request;
  if (!sent) return { kind: 'undecided', reason: 'it is not known when it was sent' };
  const type = request.isRollback ? 'MANUAL_ROLLBACK' : 'MANUAL';
  const since: Deployment[] = [];
  for (let page = 1; page <= mostPages; page += 1) {
    const listed = await tools.calls.deployments(app, type, page, context);
    if (!listed.ok) return failedLookup(listed);
    const { deployments, links } = listed.value;
    const theirFirst = sent.first + (listed.at - tools.clock()) - clockErrorMs;
    const recent = deployments.filter((one) => isOfType(one, type) && createdAt(one) >= theirFirst);
    since.push(...recent);
    const reachedOlder = deployments.some((one) => createdAt(one) < theirFirst);
    if (reachedOlder || !hasNext(links)) break;
  }
  const found = oldestOf(since, request.commit);
  if (found) return { kind: 'found', backendRef: found.id };
  const waited = tools.clock() - sent.last;
  if (waited >= lateMs) return { kind: 'absent' };
  return { kind: 'undecided', reason: 'DigitalOcean has no such deployment yet' };
}

/** The one with the very commit, else the first that was made. */
function oldestOf(since: readonly Deployment[], commit: string): Deployment | undefined {
  const byAge = [...since].sort((one, other) => createdAt(one) - createdAt(other));
  return byAge.find((one) => builtCommit(one, commit) === commit) ?? byAge[0];
}

/** The filter of the list may be ignored, and the type may be missing: then the older field `cause` says it. */
function isOfType({ cause, cause_details: details }: Deployment, type: string): boolean {
  if (details?.type !== undefined) return details.type === type;
  if (cause === undefined) return true;
  const isRollback = /rollback/i.test(cause);
  return type === 'MANUAL_ROLLBACK' ? isRollback : !isRollback && /manual/i.test(cause);
}

function createdAt({ created_at: at }: Deployment): number {
  const time = Date.parse(at ?? '');
  return Number.isNaN(time) ? 0 : time;
}
