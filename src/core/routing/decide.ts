import type { DecisionOutcome, RefChange, Rule, Target } from '../model/index.js';
import { skipMarker } from './skip-marker.js';

export interface Verdict {
  outcome: DecisionOutcome;
  reasonCode: string;
  /** The sentence people read when they ask why their push did (not) deploy. */
  reason: string;
}

/** What routing must know of a target's backend. */
export interface RoutingFacts {
  matches(patterns: string, name: string): boolean;
  /** Null: the backend is switched off here. */
  backend: { label: string; tags: boolean } | null;
}

/** One ref change, one target: deploy or not, and why. Pure. */
export function decide(
  change: Pick<RefChange, 'refType' | 'name' | 'to' | 'message'>,
  target: Pick<Target, keyof Rule | 'state' | 'hold' | 'backend' | 'name'>,
  facts: RoutingFacts,
): Verdict {
  if (change.refType !== 'branch' && change.refType !== 'tag') {
    return skip('unsupported_ref', `"${change.refType}" is neither a branch nor a tag.`);
  }
  if (change.to === null) {
    return skip('ref_deleted', `The ${change.refType} was deleted; there is nothing to deploy.`);
  }
  const pattern = change.refType === 'tag' ? target.tagPattern : target.branchPattern;
  if (pattern === null) {
    return skip(
      'no_match',
      `${target.name} deploys no ${change.refType === 'tag' ? 'tags' : 'branches'}.`,
    );
  }
  if (!facts.matches(pattern, change.name)) {
    return skip('no_match', `${capital(change.refType)} ${change.name} does not match ${pattern}.`);
  }
  const marker = target.honourSkipMarkers ? skipMarker(change.message) : null;
  if (marker !== null) return skip('skip_marker', `The commit message says ${marker}.`);
  if (facts.backend === null) {
    return skip('backend_off', `The backend "${target.backend}" is switched off on this server.`);
  }
  if (change.refType === 'tag' && !facts.backend.tags) {
    return skip('unsupported_ref', `${facts.backend.label} cannot deploy tags.`);
  }
  if (target.hold) {
    return skip(
      'held',
      `Automatic deploys are on hold (${target.hold.by}: ${target.hold.reason}).`,
    );
  }
  if (target.state !== 'active') {
    return skip('paused', `Automatic deploys to ${target.name} are paused.`);
  }
  const matched = `${capital(change.refType)} ${change.name} matches ${pattern}`;
  if (target.includePaths !== null || target.excludePaths !== null) {
    // A push names no files; they are asked for when its turn comes, against what is live by then.
    const reason = `${matched}; which files changed is looked at first.`;
    return { outcome: 'pending', reasonCode: 'pending_paths', reason };
  }
  return { outcome: 'deploy', reasonCode: 'matched', reason: `${matched}.` };
}

/** Newest wins within a slot; a tag never supersedes a branch nor another tag. */
export function slotOf(refType: string, name: string): string {
  return `${refType}:${name}`;
}

function skip(reasonCode: string, reason: string): Verdict {
  return { outcome: 'skip', reasonCode, reason };
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
