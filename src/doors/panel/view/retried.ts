import type { Retried } from '../panel-services.js';

/** What failed longer ago is history. */
export const failedWithinMs = 30 * 24 * 60 * 60_000;

/** What became of the wish to try deployments again, in words. */
export function retriedWords({ retried, refused, more }: Retried): {
  says: string;
  advice: string | null;
} {
  const count = retried.length;
  const says =
    count === 1 ? 'One deployment is tried again.' : `${count} deployments are tried again.`;
  const left = refused.map(({ why }) => why);
  const advice = [
    ...(more ? ['There are more: try again once these are through.'] : []),
    ...(left.length > 0 ? [`Not tried again: ${[...new Set(left)].join(' ')}`] : []),
  ].join(' ');
  return { says, advice: advice === '' ? null : advice };
}
