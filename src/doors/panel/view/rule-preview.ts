import type { RefChange, Rule } from '../../../core/model/index.js';
import type { RefChangeWithDecisions } from '../../../core/ports.js';
import { decide } from '../../../core/routing/decide.js';
import {
  matchesPathPattern,
  matchesRefPattern,
  pathPatternProblem,
  refPatternProblem,
} from '../../../lib/patterns.js';
import { firstLine } from './links.js';
import { timeView, type TimeView } from './time.js';

/** What a rule would do, while it is being written. */
export interface RulePreview {
  /** "These 2 of your 14 branches deploy:"; null where no branches are known or the pattern is wrong. */
  branches: { says: string; names: string[]; more: number } | null;
  /** The latest pushes, and what the rule would have done with each. */
  pushes: PreviewedPush[];
}

export interface PreviewedPush {
  deploys: boolean;
  refName: string;
  title: string;
  at: TimeView;
  reason: string;
}

export interface PreviewFacts {
  rule: Rule;
  backend: { id: string; label: string; tags: boolean };
  branches: readonly string[];
  /** Newest first. */
  pushes: readonly RefChangeWithDecisions[];
  /** Files of the newest push that the patterns let through; null: not known. */
  changedPaths: readonly string[] | null;
  now: number;
}

const namesShown = 8;
export const pushesPreviewed = 5;

export function rulePreview(facts: PreviewFacts): RulePreview {
  const judged = facts.pushes.slice(0, pushesPreviewed).map((push) => judge(push, facts));
  return { branches: branchesView(facts), pushes: judged };
}

/** The first push whose files decide, where files do. */
export function pushToCompare(
  facts: Omit<PreviewFacts, 'changedPaths' | 'branches'>,
): RefChangeWithDecisions | null {
  const isAsked = (push: RefChangeWithDecisions): boolean =>
    verdictOf(push, facts).outcome === 'pending';
  return facts.pushes.slice(0, pushesPreviewed).find(isAsked) ?? null;
}

function branchesView({ rule, branches }: PreviewFacts): RulePreview['branches'] {
  const { branchPattern } = rule;
  if (branches.length === 0 || branchPattern === null) return null;
  if (refPatternProblem(branchPattern) !== null) return null;
  const matching = branches.filter((name) => matchesRefPattern(branchPattern, name));
  const names = matching.slice(0, namesShown);
  const of = branches.length === 1 ? 'your one branch' : `your ${branches.length} branches`;
  const says =
    matching.length === 0
      ? `None of ${of} matches yet. A branch that is pushed later may.`
      : `${matching.length === 1 ? 'This one' : `These ${matching.length}`} of ${of} ${matching.length === 1 ? 'deploys' : 'deploy'}:`;
  return { says, names, more: matching.length - names.length };
}

function judge(push: RefChangeWithDecisions, facts: PreviewFacts): PreviewedPush {
  const verdict = verdictOf(push, facts);
  const shown = {
    refName: push.name,
    title: firstLine(push.message),
    at: timeView(push.receivedAt, facts.now),
  };
  if (verdict.outcome !== 'pending') {
    return { ...shown, deploys: verdict.outcome === 'deploy', reason: verdict.reason };
  }
  const isCompared = pushToCompare(facts)?.id === push.id;
  if (!isCompared || facts.changedPaths === null) {
    return { ...shown, deploys: true, reason: `${verdict.reason} It deploys when they count.` };
  }
  return { ...shown, ...filesVerdict(facts.changedPaths, facts.rule) };
}

function verdictOf(push: RefChange, { rule, backend }: Pick<PreviewFacts, 'rule' | 'backend'>) {
  const target = { ...rule, state: 'active', hold: null, backend: backend.id, name: 'It' } as const;
  return decide(push, target, { matches: matchesRefPattern, backend });
}

function filesVerdict(
  paths: readonly string[],
  { includePaths, excludePaths }: Rule,
): Pick<PreviewedPush, 'deploys' | 'reason'> {
  const problem =
    (includePaths && pathPatternProblem(includePaths)) ??
    (excludePaths && pathPatternProblem(excludePaths));
  if (problem) return { deploys: false, reason: problem };
  const counts = paths.filter(
    (path) =>
      (includePaths === null || matchesPathPattern(includePaths, path)) &&
      (excludePaths === null || !matchesPathPattern(excludePaths, path)),
  );
  const files = paths.length === 1 ? 'one changed file' : `${paths.length} changed files`;
  return counts.length === 0
    ? { deploys: false, reason: `None of its ${files} counts.` }
    : { deploys: true, reason: `${counts.length} of its ${files} count, ${counts[0]} for one.` };
}
