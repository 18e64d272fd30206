import { PreflightError, type CheckProgress } from '../../../../src/core/preflight.js';
import type { PreflightStep } from '../../../../src/core/preflight.js';

export interface FakeSteps {
  steps: readonly PreflightStep[];
  /** Waited for before each of them, and before a save that follows them. */
  beforeStep: (id: PreflightStep['id'] | 'save') => Promise<void>;
}

/** As the actions do it: first nothing, then a step a call; a save has a call of its own. `checked`: how many are over. */
export async function byStep<T>(
  { steps, beforeStep }: FakeSteps,
  checked: string,
  { isSave, end }: { isSave: boolean; end: () => Promise<T> },
): Promise<T | CheckProgress> {
  if (steps.length === 0) return end();
  const before = checked === '' ? -1 : Number(checked);
  if (before >= 0) await beforeStep(steps[before]?.id ?? 'save');
  if (before === steps.length) return end();
  const done = steps.slice(0, before + 1);
  if (done.length === steps.length && steps.some(({ outcome }) => outcome === 'failed') && isSave) {
    throw new PreflightError('preflight_failed', {}, steps);
  }
  if (done.length === steps.length && !isSave) return end();
  return { steps: done, next: steps[done.length]?.id ?? null, checked: String(done.length) };
}

/** Steps that a test lets go one by one. */
export class StepGate {
  readonly #waiting = new Map<string, () => void>();
  readonly #arrivals = new Map<string, () => void>();

  readonly beforeStep = (id: string): Promise<void> =>
    new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#arrivals.get(id)?.();
    });

  async arrived(id: PreflightStep['id'] | 'save'): Promise<void> {
    if (this.#waiting.has(id)) return;
    await new Promise<void>((resolve) => this.#arrivals.set(id, resolve));
  }

  /** Once it is under way; it is over then. */
  async pass(id: PreflightStep['id'] | 'save'): Promise<void> {
    await this.arrived(id);
    this.#waiting.get(id)?.();
    this.#waiting.delete(id);
    this.#arrivals.delete(id);
  }
}

export const goodSteps: PreflightStep[] = [
  { id: 'ref', outcome: 'ok', says: 'Bitbucket shows branch main at 0a1b2c3.', fix: null },
  { id: 'clone', outcome: 'ok', says: 'Fetched 0a1b2c3 with the app.', fix: null },
  { id: 'backend', outcome: 'ok', says: 'This server is ready for these settings.', fix: null },
];
