import type { PreflightStep } from '../../../core/preflight.js';
import type { IconName } from '../icons.js';

export interface PreflightStepView {
  title: string;
  /** Said beside the title, so that nothing depends on a colour. */
  word: string;
  icon: IconName;
  appearance: 'success' | 'danger' | 'warning' | 'neutral';
  says: string;
  fix: string | null;
}

const titles = { ref: 'Branch or tag', clone: 'Fetching', backend: 'Backend' } as const;

const outcomes = {
  ok: { word: 'fine', icon: 'success', appearance: 'success' },
  failed: { word: 'failed', icon: 'danger', appearance: 'danger' },
  not_checked: { word: 'not checked', icon: 'question', appearance: 'warning' },
  not_needed: { word: 'not needed', icon: 'skip', appearance: 'neutral' },
} as const;

export function preflightView(steps: readonly PreflightStep[]): PreflightStepView[] {
  return steps.map(({ id, outcome, says, fix }) => ({
    ...{ title: titles[id], says, fix },
    ...outcomes[outcome],
  }));
}

/** The whole in a sentence. */
export function preflightWords(steps: readonly PreflightStep[]): {
  kind: 'success' | 'warning' | 'error';
  says: string;
} {
  const has = (outcome: PreflightStep['outcome']) => steps.some((one) => one.outcome === outcome);
  if (has('failed')) return { kind: 'error', says: 'The next deploy would fail.' };
  if (has('not_checked')) return { kind: 'warning', says: 'Not everything could be checked now.' };
  return { kind: 'success', says: 'Everything a deploy needs is there.' };
}
