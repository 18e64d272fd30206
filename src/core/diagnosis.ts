/** One thing that `slipway doctor` looked at. */
export interface Finding {
  /** Machine word: `configuration`, `database`, `clock` … */
  check: string;
  /** `note`: worth knowing, nothing is broken. */
  state: 'fine' | 'note' | 'problem';
  /** What was found, one sentence. */
  says: string;
  /** What to do; null when there is nothing. */
  advice: string | null;
}

export function fine(check: string, says: string): Finding {
  return { check, state: 'fine', says, advice: null };
}

export function note(check: string, says: string, advice: string | null = null): Finding {
  return { check, state: 'note', says, advice };
}

export function problem(check: string, says: string, advice: string): Finding {
  return { check, state: 'problem', says, advice };
}
