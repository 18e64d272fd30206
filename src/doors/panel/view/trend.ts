import type { Deployment } from '../../../core/model/index.js';
import { firstLine } from './links.js';
import { durationText, timeView } from './time.js';

/** How it ended, as the picture tells it: by shape as much as by colour. */
export type BarKind = 'live' | 'failed' | 'other';

export interface BarView {
  kind: BarKind;
  /** Left edge, top and height in the picture's own units. */
  x: number;
  y: number;
  height: number;
  /** Middle of the bar: where the cross of a failed one stands. */
  middle: number;
  /** Shown while the pointer rests on it. No relative time: the picture must not change while nothing happens. */
  title: string;
}

/** Recent deployments of one target, for people who look rather than read. Oldest left. */
export interface TrendView {
  bars: BarView[];
  width: number;
  height: number;
  /** The picture in words. */
  label: string;
  /** "9 of 10 went live"; superseded and stopped ones are nobody's failure and not counted. */
  success: string;
  /** "usually 42 s"; null when none of them was timed. */
  usual: string | null;
  /** Points of the line of durations of those that went live, as SVG wants them; null below three. */
  line: string | null;
}

export const trendLength = 30;
const fewest = 3;
const barWidth = 6;
const step = 8;
const pictureHeight = 28;
const lowest = 6;

type Finished = Pick<
  Deployment,
  'state' | 'startedAt' | 'finishedAt' | 'createdAt' | 'commit' | 'message'
>;

/**
 * @param newestFirst finished deployments of one target, as the store gives them
 * @returns null while there are too few to see anything in them
 */
export function trendView(newestFirst: readonly Finished[]): TrendView | null {
  const rows = newestFirst.slice(0, trendLength).reverse();
  if (rows.length < fewest) return null;
  const slowest = Math.max(...rows.map((row) => tookMs(row) ?? 0), 1);
  const bars = rows.map((row, index) => barView(row, index, slowest));
  const tried = rows.filter((row) => kindOf(row) !== 'other');
  const reached = rows.filter((row) => kindOf(row) === 'live');
  const times = reached.map(tookMs).filter((ms) => ms !== null);
  const success = `${reached.length} of ${tried.length} went live`;
  const usual = times.length === 0 ? null : `usually ${durationText(median(times))}`;
  return {
    bars,
    width: rows.length * step - (step - barWidth),
    height: pictureHeight,
    label: [`The last ${rows.length} deployments: ${success}`, ...(usual ? [usual] : [])].join(
      ', ',
    ),
    success,
    usual,
    line: times.length < fewest ? null : polyline(times),
  };
}

function barView(row: Finished, index: number, slowest: number): BarView {
  const ms = tookMs(row);
  const height = Math.round(lowest + (pictureHeight - lowest) * ((ms ?? 0) / slowest));
  const x = index * step;
  const words = {
    live: 'went live',
    failed: 'failed',
    other: row.state === 'superseded' ? 'was superseded' : 'was stopped',
  }[kindOf(row)];
  const took = ms === null ? '' : ` after ${durationText(ms)}`;
  return {
    kind: kindOf(row),
    x,
    y: pictureHeight - height,
    height,
    middle: x + barWidth / 2,
    title: `${row.commit.slice(0, 8)} ${firstLine(row.message)}: ${words}${took}, ${timeView(row.createdAt, row.createdAt).absolute}`,
  };
}

function kindOf({ state }: Pick<Finished, 'state'>): BarKind {
  if (state === 'live' || state === 'handed_off') return 'live';
  return state === 'failed' ? 'failed' : 'other';
}

function tookMs({ startedAt, finishedAt }: Finished): number | null {
  return startedAt === null || finishedAt === null ? null : Math.max(0, finishedAt - startedAt);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

/** In a box of 72 × 28; the slowest touches the top. */
function polyline(times: readonly number[]): string {
  const slowest = Math.max(...times, 1);
  const across = 72 / (times.length - 1);
  return times
    .map((ms, index) => {
      const y = pictureHeight - 2 - (pictureHeight - 4) * (ms / slowest);
      return `${round(index * across)},${round(y)}`;
    })
    .join(' ');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
