import { InputError, type ErrorCode } from './errors.js';

/**
 * One thing a deploy needs, tried while somebody sets the target up. `not_checked`: it could not be tried now, which stands in
 * nobody's way; `not_needed`: this backend does without; `not_there_yet`: there is nothing to deploy before the first push.
 */
export interface PreflightStep {
  id: 'ref' | 'clone' | 'backend';
  outcome: 'ok' | 'failed' | 'not_checked' | 'not_needed' | 'not_there_yet';
  /** A sentence. */
  says: string;
  /** What to do about it; null where there is nothing to do. */
  fix: string | null;
}

/** How long one step may take, ms. A person waits for it, in a frame that gives up after 25 seconds (Forge). */
export const stepLimitMs = 15_000;

/** A check on its way, for a page that shows each step as it happens. */
export interface CheckProgress {
  /** Those that are over, in the order in which a deploy needs them. */
  steps: readonly PreflightStep[];
  /** What the next request tries; null: nothing is left but to save. */
  next: PreflightStep['id'] | null;
  /** Brought along by the next request: what was found so far, sealed, so that any node goes on from it and nobody else wrote it. */
  checked: string;
}

/** A target that was not saved because of its check. */
export class PreflightError extends InputError {
  readonly steps: readonly PreflightStep[];

  constructor(code: ErrorCode, fields: Record<string, string>, steps: readonly PreflightStep[]) {
    super(code, undefined, fields);
    this.steps = steps;
  }
}
