export interface TimeView {
  iso: string;
  /** For the tooltip. In UTC: the server does not know where the reader is; the page's script makes it local. */
  absolute: string;
  /** "3 min ago" */
  text: string;
}

export interface DurationView {
  /** "took", "running for", "waiting for" */
  label: string;
  text: string;
  /** Start in Unix ms while it still runs, so that the page's script can go on counting. */
  since: number | null;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const absoluteFormat = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'medium',
  timeStyle: 'medium',
  timeZone: 'UTC',
});
const dateFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });

export function timeView(at: number, now: number): TimeView {
  return {
    iso: new Date(at).toISOString(),
    absolute: `${absoluteFormat.format(at)} UTC`,
    text: relativeTime(at, now),
  };
}

/** `public/panel.js` has the same words, to keep an open page right; a browser test compares them. */
export function relativeTime(at: number, now: number): string {
  const ago = now - at;
  // What expires. Less is only two clocks that differ.
  if (-ago >= 2 * hour) return timeAhead(at, -ago);
  if (ago < 45 * second) return 'just now';
  if (ago < hour) return `${Math.max(1, Math.floor(ago / minute))} min ago`;
  if (ago < day) return `${Math.floor(ago / hour)} h ago`;
  const days = Math.floor(ago / day);
  if (days < 30) return days === 1 ? '1 day ago' : `${days} days ago`;
  return dateFormat.format(at);
}

function timeAhead(at: number, ahead: number): string {
  if (ahead < day) return `in ${Math.floor(ahead / hour)} h`;
  const days = Math.floor(ahead / day);
  if (days < 30) return days === 1 ? 'in 1 day' : `in ${days} days`;
  return dateFormat.format(at);
}

export function durationText(ms: number): string {
  if (ms < second) return 'under 1 s';
  if (ms < minute) return `${Math.floor(ms / second)} s`;
  if (ms < hour) return pair(ms, minute, 'min', second, 's');
  if (ms < day) return pair(ms, hour, 'h', minute, 'min');
  return pair(ms, day, 'd', hour, 'h');
}

function pair(ms: number, big: number, bigUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((ms % big) / small);
  const head = `${Math.floor(ms / big)} ${bigUnit}`;
  return rest === 0 ? head : `${head} ${rest} ${smallUnit}`;
}
