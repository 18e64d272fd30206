import type { Observation, ObservedState } from '../../core/backend.js';
import type { Progress } from '../../core/model/index.js';
import { redactText } from '../../lib/redact-text.js';
import { componentKinds, type Deployment, type Step } from './shapes.js';

/** reference/deploy-backends.md §1.5. What is not in here (`UNKNOWN`, or a phase yet to be invented) says nothing. */
const states: Readonly<Record<string, ObservedState>> = {
  PENDING_BUILD: 'queued',
  BUILDING: 'building',
  PENDING_DEPLOY: 'deploying',
  DEPLOYING: 'deploying',
  ACTIVE: 'live',
  ERROR: 'failed',
  CANCELED: 'stopped',
  SUPERSEDED: 'superseded',
};

const textLimit = 300;

/** What a deployment's own page would tell. `hidden`: texts that must not be shown, should they turn up. */
export function observationOf(
  seen: Deployment,
  commit: string,
  hidden: readonly string[],
): Observation {
  const state = states[seen.phase] ?? 'unchanged';
  const built = builtCommit(seen, commit);
  const reason = reasonOf(seen, state, hidden);
  const progress = progressOf(seen, hidden);
  return {
    state,
    ...(built === null ? {} : { commit: built }),
    ...(reason === null ? {} : { reason }),
    ...(progress === null ? {} : { progress }),
  };
}

/** Each component says what it was built from; one of them is this repository's. Null: none says anything. */
export function builtCommit(seen: Deployment, commit: string): string | null {
  const keys = Object.keys(componentKinds) as (keyof typeof componentKinds)[];
  const hashes = keys
    .flatMap((key) => seen[key].map((one) => one.source_commit_hash ?? ''))
    .filter((hash) => /^[0-9a-f]{7,40}$/i.test(hash));
  const isIt = (hash: string) => commit.toLowerCase().startsWith(hash.toLowerCase());
  return hashes.some(isIt) ? commit : (hashes[0]?.toLowerCase() ?? null);
}

function reasonOf(
  seen: Deployment,
  state: ObservedState,
  hidden: readonly string[],
): string | null {
  if (state === 'failed') {
    const failed = firstFailed(seen.progress?.steps ?? []);
    const said = failed?.reason?.message ?? failed?.reason?.code;
    const where = failed === null ? '' : ` (${wordsFor(failed)})`;
    return said
      ? clean(`${said}${where}`, hidden)
      : `The deployment failed at DigitalOcean${where}.`;
  }
  if (state === 'stopped') return 'Cancelled at DigitalOcean.';
  return state === 'superseded' ? 'A newer deployment at DigitalOcean overtook it.' : null;
}

/** Depth first: the innermost one says most. */
function firstFailed(steps: readonly Step[]): Step | null {
  for (const step of steps) {
    const inner = firstFailed(step.steps);
    if (inner?.reason) return inner;
    if (step.status === 'ERROR') return step.reason || inner === null ? step : inner;
    if (inner) return inner;
  }
  return null;
}

function progressOf(seen: Deployment, hidden: readonly string[]): Progress | null {
  const running = runningStep(seen.progress?.steps ?? []);
  if (running === null) return null;
  const { success_steps: done, total_steps: total } = seen.progress ?? {};
  return {
    step: clean(wordsFor(running), hidden),
    ...(done === undefined || total === undefined ? {} : { done, total }),
  };
}

function runningStep(steps: readonly Step[]): Step | null {
  for (const step of steps) {
    if (step.status !== 'RUNNING') continue;
    return runningStep(step.steps) ?? step;
  }
  return null;
}

function wordsFor({ message_base: base, component_name: component, name }: Step): string {
  return [base ?? name ?? 'Working', component].filter(Boolean).join(' ');
}

function clean(text: string, hidden: readonly string[]): string {
  return redactText(text, hidden, textLimit);
}
