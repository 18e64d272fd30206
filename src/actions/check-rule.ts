import type { Backend } from '../core/backend.js';
import type { SaveTargetDeps, TargetForm } from './save-target.js';

const nameLimit = 60;

/** What is wrong with a target's name and rule, by form field. */
export function checkRule(
  form: TargetForm,
  backend: Backend,
  deps: Pick<SaveTargetDeps, 'patternProblem' | 'pathProblem'>,
): Record<string, string> {
  const fields: Record<string, string> = {};
  const name = form.name.trim();
  if (name === '') fields['name'] = 'Give the target a name, for example Production.';
  if (name.length > nameLimit) fields['name'] = `At most ${nameLimit} characters.`;
  if (form.branchPattern === null && form.tagPattern === null) {
    fields['branchPattern'] = 'Name at least one branch or tag to deploy.';
  }
  const branch = form.branchPattern === null ? null : deps.patternProblem(form.branchPattern);
  if (branch !== null) fields['branchPattern'] = branch;
  const tag = form.tagPattern === null ? null : deps.patternProblem(form.tagPattern);
  if (tag !== null) fields['tagPattern'] = tag;
  for (const field of ['includePaths', 'excludePaths'] as const) {
    const patterns = form[field] ?? null;
    const problem = patterns === null ? null : deps.pathProblem(patterns);
    if (problem !== null) fields[field] = problem;
  }
  if (form.tagPattern !== null && !backend.capabilities.tags) {
    fields['tagPattern'] = `${backend.label} cannot deploy tags.`;
  }
  return fields;
}

/**
 * Where the branch is fixed at the backend, the rule has to be that branch and nothing else: every other push would deploy
 * something that was not pushed. Null when fine.
 */
export function branchProblem(
  { branchPattern }: Pick<TargetForm, 'branchPattern'>,
  { capabilities, label }: Pick<Backend, 'capabilities' | 'label'>,
  fixed: string | undefined,
): string | null {
  if (capabilities.branch !== 'fixed' || fixed === undefined) return null;
  if (branchPattern?.trim() === fixed) return null;
  return `${label} builds the branch “${fixed}” there, so enter exactly that, or change the branch at ${label} first.`;
}
