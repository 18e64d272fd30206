import { writeFileSync } from 'node:fs';
import type { LoadResult } from './load.js';
import { spread, type Spread } from './stats.js';

/** One line of the issue's table: what was promised, and what came out. */
export interface Check {
  figure: string;
  /** In the figure's own unit; null: could not be measured here. */
  value: number | null;
  min?: number;
  max?: number;
  unit: string;
  better: 'more' | 'less';
  goal: number;
  floor: number;
  note?: string;
}

/** One server under one load, over all rounds. */
export interface Figure {
  perSecond: Spread;
  p50: Spread;
  p99: Spread;
}

export function figureOf(rounds: readonly LoadResult[]): Figure {
  return {
    perSecond: spread(rounds.map(({ perSecond }) => perSecond)),
    p50: spread(rounds.map(({ p50 }) => p50)),
    p99: spread(rounds.map(({ p99 }) => p99)),
  };
}

/** A ratio of each round by itself, so that an hour in which everything is slower changes nothing. */
export function ratio(
  ours: readonly LoadResult[],
  theirs: readonly LoadResult[],
  of: 'perSecond' | 'p99',
): Spread {
  return spread(ours.map((result, round) => result[of] / (theirs[round]?.[of] ?? Number.NaN)));
}

export function meets(check: Check, bound: 'goal' | 'floor'): boolean {
  if (check.value === null) return true;
  if (Number.isNaN(check.value)) return false;
  return check.better === 'more' ? check.value >= check[bound] : check.value <= check[bound];
}

export class Report {
  readonly checks: Check[] = [];
  readonly figures: Record<string, unknown> = {};
  readonly notes: string[] = [];

  check(check: Check): void {
    this.checks.push(check);
    say(`  ${check.figure}: ${shown(check.value)} ${check.unit} (${verdict(check)})`);
  }

  note(text: string): void {
    this.notes.push(text);
    say(`  ! ${text}`);
  }

  /** Prints the table and writes `file`; false when something is below its floor. */
  finish(file: string, versions: Record<string, string>): boolean {
    const rows = this.checks.map((check) => [
      check.figure,
      `${shown(check.value)}${check.min === undefined ? '' : ` (${shown(check.min)}–${shown(check.max ?? Number.NaN)})`}`,
      check.unit,
      shown(check.goal),
      shown(check.floor),
      verdict(check),
    ]);
    print('');
    print(table(['figure', 'median (min–max)', 'unit', 'goal', 'floor', ''], rows));
    for (const note of this.notes) print(`! ${note}`);
    print(
      `\n${Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(' · ')}`,
    );
    const ratios = Object.fromEntries(this.checks.map((check) => [check.figure, check]));
    const { figures, notes } = this;
    const results = { at: new Date().toISOString(), ratios, figures, versions, notes };
    writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
    return this.checks.every((check) => meets(check, 'floor'));
  }
}

function verdict(check: Check): string {
  if (check.value === null) return 'not measured';
  if (!meets(check, 'floor')) return 'BELOW THE FLOOR';
  return meets(check, 'goal') ? 'goal met' : 'floor met';
}

/** Three digits are what a shared machine is good for. */
export function shown(value: number | null): string {
  if (value === null || Number.isNaN(value)) return '–';
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Progress; results alone go to stdout. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
