import type { Backend, BackendTarget, CheckResult } from '../core/backend.js';
import type { Repository } from '../core/model/index.js';
import { stepLimitMs, type PreflightStep } from '../core/preflight.js';
import { checkClone, type CloneDeps } from './preflight-clone.js';
import { checkRef, type CheckedRef, type RefDeps, type RefRule } from './preflight-ref.js';
import { notChecked } from './preflight-words.js';

export type PreflightDeps = RefDeps & CloneDeps;

export interface PreflightOrder {
  repository: Repository;
  rule: RefRule;
  backend: Backend;
  target: BackendTarget;
}

export interface PreflightResult {
  /** In the order in which a deploy needs them. */
  steps: readonly PreflightStep[];
  /** The backend's own answer; null: it gave none in time. */
  check: CheckResult | null;
}

/** Null: not tried yet. */
export interface PreflightFindings {
  ref: CheckedRef | null;
  clone: PreflightStep | null;
  backend: { step: PreflightStep; check: CheckResult | null } | null;
}

export const nothingTried: PreflightFindings = { ref: null, clone: null, backend: null };

/** Tries everything that a deploy of this target would need, and deploys nothing. */
export async function preflight(
  order: PreflightOrder,
  deps: PreflightDeps,
): Promise<PreflightResult> {
  const signal = AbortSignal.timeout(stepLimitMs);
  const bitbucketSide = async () => {
    const ref = await tryRef(order, deps, signal);
    return { ref, clone: await tryClone(order, ref, deps, signal) };
  };
  const [{ ref, clone }, backend] = await Promise.all([bitbucketSide(), tryBackend(order, signal)]);
  return { steps: [ref.step, clone, backend.step], check: backend.check };
}

/** The same one step after the other; what is known already is not tried again. */
export async function tryNext(
  order: PreflightOrder,
  found: PreflightFindings,
  deps: PreflightDeps,
): Promise<PreflightFindings> {
  const signal = AbortSignal.timeout(stepLimitMs);
  if (found.ref === null) return { ...found, ref: await tryRef(order, deps, signal) };
  if (found.clone === null) {
    return { ...found, clone: await tryClone(order, found.ref, deps, signal) };
  }
  if (found.backend === null) return { ...found, backend: await tryBackend(order, signal) };
  return found;
}

const late = notChecked('Bitbucket did not answer in time.');

async function tryRef(
  { repository, rule }: PreflightOrder,
  deps: PreflightDeps,
  signal: AbortSignal,
): Promise<CheckedRef> {
  const ref = await inTime(checkRef(repository, rule, deps), signal);
  return ref ?? { step: { id: 'ref', ...late }, fetch: null };
}

async function tryClone(
  { repository, backend }: PreflightOrder,
  ref: CheckedRef,
  deps: PreflightDeps,
  signal: AbortSignal,
): Promise<PreflightStep> {
  if (backend.usesCloneCredential !== true) {
    const says = `${backend.label} fetches the commit with its own access to Bitbucket.`;
    return { id: 'clone', outcome: 'not_needed', says, fix: null };
  }
  if (ref.step.outcome === 'failed') {
    const says = 'Nothing can be fetched before Bitbucket shows the repository.';
    return { id: 'clone', outcome: 'not_checked', says, fix: null };
  }
  const clone = await inTime(checkClone(repository, ref.fetch, deps, signal), signal);
  return clone ?? { id: 'clone', ...late };
}

async function tryBackend(
  { backend, target }: PreflightOrder,
  signal: AbortSignal,
): Promise<{ step: PreflightStep; check: CheckResult | null }> {
  const { label } = backend;
  let check: CheckResult | null;
  try {
    check = await inTime(backend.check(target, signal), signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    check = null;
  }
  if (check === null) {
    const step: PreflightStep = {
      id: 'backend',
      ...notChecked(`${label} did not answer in time.`),
    };
    return { step, check };
  }
  const problem = check.ok ? undefined : check.problems[0];
  if (problem === undefined) {
    const says = `${label} is ready for these settings.`;
    return { step: { id: 'backend', outcome: 'ok', says, fix: null }, check };
  }
  const step: PreflightStep = {
    ...{ id: 'backend', outcome: 'failed', says: `${label} does not accept these settings.` },
    fix: problem.message,
  };
  return { step, check };
}

/** Null: not in time. What is still under way then ends by itself, and its failure is nobody's business any more. */
async function inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const stop = new AbortController();
  const late = new Promise<null>((resolve) => {
    if (signal.aborted) resolve(null);
    signal.addEventListener('abort', () => resolve(null), { once: true, signal: stop.signal });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
  }
}
