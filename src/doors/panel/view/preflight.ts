import { stepLimitMs, type CheckProgress, type PreflightStep } from '../../../core/preflight.js';
import type { IconName } from '../icons.js';

export interface PreflightStepView {
  title: string;
  /** Said beside the title, so that nothing depends on a colour. */
  word: string;
  icon: IconName;
  appearance: 'success' | 'danger' | 'warning' | 'neutral' | 'progress';
  says: string | null;
  fix: string | null;
  /** Shown when it runs for long. */
  slow: string | null;
}

const titles = { ref: 'Branch or tag', clone: 'Fetching', backend: 'Backend' } as const;

const outcomes = {
  ok: { word: 'fine', icon: 'success', appearance: 'success' },
  failed: { word: 'failed', icon: 'danger', appearance: 'danger' },
  not_checked: { word: 'not checked', icon: 'question', appearance: 'warning' },
  not_needed: { word: 'not needed', icon: 'skip', appearance: 'neutral' },
  not_there_yet: { word: 'not there yet', icon: 'clock', appearance: 'neutral' },
} as const;

const running = { word: 'running …', icon: 'progress', appearance: 'progress' } as const;
const waiting = { word: 'waiting', icon: 'clock', appearance: 'neutral' } as const;
const slow = `This takes longer than usual. After ${stepLimitMs / 1000} s it goes on without an answer.`;

export function preflightView(steps: readonly PreflightStep[]): PreflightStepView[] {
  return steps.map(({ id, outcome, says, fix }) => ({
    ...{ title: titles[id], says, fix, slow: null },
    ...outcomes[outcome],
  }));
}

/** A check on its way. */
export interface CheckingView {
  /** Ends the id of its place on the page. */
  key: string;
  steps: PreflightStepView[];
  checked: string;
  /** Nothing is left but to save. */
  isSaving: boolean;
  /** What is new, for those who do not see it. */
  news: string;
}

export function checkingView({ steps, next, checked }: CheckProgress, key: string): CheckingView {
  const views = preflightView(steps);
  const last = views.at(-1);
  const told = last && [`${last.title}: ${last.word}.`, last.says, last.fix];
  const now = next === null ? 'Saving.' : `${titles[next]}: running.`;
  const nothing = { says: null, fix: null, slow: null };
  const order = ['ref', 'clone', 'backend'] as const;
  const left = order.filter((id) => !steps.some((one) => one.id === id));
  return {
    ...{ key, checked, isSaving: next === null },
    steps: [
      ...views,
      ...left.map((id) => ({
        ...{ title: titles[id], ...nothing },
        ...(id === next ? { ...running, slow } : waiting),
      })),
    ],
    news: [...(told ?? ['Trying what a deploy needs.']), now].filter(Boolean).join(' '),
  };
}

/** The whole in a sentence. */
export function preflightWords(steps: readonly PreflightStep[]): {
  kind: 'success' | 'warning' | 'error';
  says: string;
} {
  const has = (outcome: PreflightStep['outcome']) => steps.some((one) => one.outcome === outcome);
  if (has('failed')) return { kind: 'error', says: 'The next deploy would fail.' };
  if (has('not_checked')) return { kind: 'warning', says: 'Not everything could be checked now.' };
  const says = has('not_there_yet')
    ? 'Everything else a deploy needs is there.'
    : 'Everything a deploy needs is there.';
  return { kind: 'success', says };
}
