/** Conventions of other systems that people type without thinking about who reads them. */
const marker = /\[(?:skip[ -](?:ci|cd|deploy|slipway)|(?:ci|cd|deploy)[ -]skip)\]/i;

/**
 * The marker in a commit's message that asks not to deploy it, or null. Only the head commit is judged: a payload carries at
 * most five commits of a push, so no rule over all of them could be kept.
 */
export function skipMarker(message: string | null): string | null {
  return marker.exec(message ?? '')?.[0] ?? null;
}
