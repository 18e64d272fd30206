import { createHash } from 'node:crypto';
import { InfrastructureError } from '../core/errors.js';
import type { Clock, Vault } from '../core/ports.js';
import type { CheckProgress, PreflightStep } from '../core/preflight.js';
import {
  nothingTried,
  tryNext,
  type PreflightDeps,
  type PreflightFindings,
  type PreflightOrder,
  type PreflightResult,
} from './preflight.js';

export interface ProgressDeps extends PreflightDeps {
  vault: Vault;
  clock: Clock;
}

/** A check that a page asks for step by step. */
export interface Stage {
  /** Of a new target the same one from the first step to the row that is stored, so that a save sent twice is one. */
  targetId: string;
  progress: CheckProgress;
  /** Null: not everything was tried yet. */
  result: PreflightResult | null;
  /** This request had nothing left to try. */
  wasComplete: boolean;
}

interface Kept {
  /** When the check began, Unix ms. */
  at: number;
  targetId: string;
  found: PreflightFindings;
}

/** What was found counts for the save that follows it at once, and not for one tomorrow. */
const lifetimeMs = 3 * 60_000;

/**
 * Goes one step on from `checked`, which an earlier answer gave; from the beginning when that is empty, too old, or about
 * anything else than this order. An empty one tries nothing yet: the page first shows what is going to be tried.
 *
 * What was found travels with the page instead of being kept here, so any node can go on with it. It is sealed for exactly
 * these settings, secrets and rule: a page can neither make it up nor bring it along for a target that nobody tried.
 */
export async function goOn(
  order: PreflightOrder & { isNew: boolean },
  checked: string,
  deps: ProgressDeps,
): Promise<Stage> {
  const identity = identityOf(order);
  const earlier = openKept(checked, identity, deps);
  const targetId = earlier?.targetId ?? order.target.id;
  const found = earlier
    ? await tryNext({ ...order, target: { ...order.target, id: targetId } }, earlier.found, deps)
    : nothingTried;
  const kept: Kept = { at: earlier?.at ?? deps.clock(), targetId, found };
  const { ref, clone, backend } = found;
  return {
    targetId,
    progress: {
      steps: [ref?.step ?? null, clone, backend?.step ?? null].filter((step) => step !== null),
      next: nextOf(found),
      checked: deps.vault.seal(JSON.stringify(kept), identity),
    },
    result:
      ref && clone && backend
        ? { steps: [ref.step, clone, backend.step], check: backend.check }
        : null,
    wasComplete: earlier !== null && nextOf(earlier.found) === null,
  };
}

function nextOf({ ref, clone, backend }: PreflightFindings): PreflightStep['id'] | null {
  if (ref === null) return 'ref';
  if (clone === null) return 'clone';
  return backend === null ? 'backend' : null;
}

/** Whatever the findings depend on. A new target has no id yet that counts. */
function identityOf({
  repository,
  rule,
  backend,
  target,
  isNew,
}: PreflightOrder & { isNew: boolean }): string {
  const about = {
    repository: [repository.id, repository.fullName],
    rule: [rule.branchPattern, rule.tagPattern],
    backend: backend.id,
    target: { ...target, id: isNew ? null : target.id },
  };
  return `preflight-1:${createHash('sha256').update(JSON.stringify(about)).digest('hex')}`;
}

function openKept(
  checked: string,
  identity: string,
  { vault, clock }: Pick<ProgressDeps, 'vault' | 'clock'>,
): Kept | null {
  if (checked === '') return null;
  try {
    // Cast: sealed by us, for this very purpose.
    const kept = JSON.parse(vault.open(checked, identity)) as Kept;
    return clock() - kept.at < lifetimeMs ? kept : null;
  } catch (error) {
    if (error instanceof InfrastructureError) return null;
    throw error;
  }
}
