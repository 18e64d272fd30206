import type { Backend, BackendTarget, CheckResult } from '../core/backend.js';
import type { Repository } from '../core/model/index.js';
import type { PreflightStep } from '../core/preflight.js';
import { checkClone, type CloneDeps } from './preflight-clone.js';
import { checkRef, type RefDeps, type RefRule } from './preflight-ref.js';
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

/** A person waits for it, in a frame that gives up after 25 seconds (Forge). */
const limitMs = 15_000;

/** Tries everything that a deploy of this target would need, and deploys nothing. */
export async function preflight(
  order: PreflightOrder,
  deps: PreflightDeps,
): Promise<PreflightResult> {
  const signal = AbortSignal.timeout(limitMs);
  const [ofBitbucket, ofBackend] = await Promise.all([
    checkBitbucket(order, deps, signal),
    checkBackend(order, signal),
  ]);
  return { steps: [...ofBitbucket, ofBackend.step], check: ofBackend.check };
}

async function checkBitbucket(
  { repository, rule, backend }: PreflightOrder,
  deps: PreflightDeps,
  signal: AbortSignal,
): Promise<PreflightStep[]> {
  const late = notChecked('Bitbucket did not answer in time.');
  const ref = await inTime(checkRef(repository, rule, deps), signal);
  const refStep: PreflightStep = ref?.step ?? { id: 'ref', ...late };
  if (backend.usesCloneCredential !== true) {
    const says = `${backend.label} fetches the commit with its own access to Bitbucket.`;
    return [refStep, { id: 'clone', outcome: 'not_needed', says, fix: null }];
  }
  if (refStep.outcome === 'failed') {
    const says = 'Nothing can be fetched before Bitbucket shows the repository.';
    return [refStep, { id: 'clone', outcome: 'not_checked', says, fix: null }];
  }
  const clone = await inTime(checkClone(repository, ref?.fetch ?? null, deps, signal), signal);
  return [refStep, clone ?? { id: 'clone', ...late }];
}

async function checkBackend(
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
