import { InputError, type ErrorCode } from './errors.js';

/**
 * One thing a deploy needs, tried while somebody sets the target up. `not_checked`: it could not be tried now, which stands in
 * nobody's way; `not_needed`: this backend does without.
 */
export interface PreflightStep {
  id: 'ref' | 'clone' | 'backend';
  outcome: 'ok' | 'failed' | 'not_checked' | 'not_needed';
  /** A sentence. */
  says: string;
  /** What to do about it; null where there is nothing to do. */
  fix: string | null;
}

/** A target that was not saved because of its check. */
export class PreflightError extends InputError {
  readonly steps: readonly PreflightStep[];

  constructor(code: ErrorCode, fields: Record<string, string>, steps: readonly PreflightStep[]) {
    super(code, undefined, fields);
    this.steps = steps;
  }
}
