import { InputError } from '../../core/errors.js';
import type { Rule } from '../../core/model/index.js';
import type { Answer, PanelContext } from './context.js';
import { textOf, type FormFields } from './form-fields.js';
import { rulePreview, pushToCompare } from './view/rule-preview.js';
import { honoursSkipMarkers } from './view/target-form.js';

const pushesLookedAt = 5;

/** `GET /panel/fragments/preview`: what the rule in a form would do, asked while it is being written. Nothing is stored. */
export async function showPreview(context: PanelContext, fields: FormFields): Promise<Answer> {
  const { services, repository, now } = context;
  const backend = services.backends.find(({ id }) => id === textOf(fields, 'backend'));
  if (backend === undefined) throw new InputError('backend_unknown');
  const facts = {
    rule: ruleOf(fields),
    backend: { id: backend.id, label: backend.label, tags: backend.capabilities.tags },
    pushes: await services.read.events.recentRefChanges(repository.id, pushesLookedAt),
    now,
  };
  const compared = pushToCompare(facts);
  const [branches, changedPaths] = await Promise.all([
    services.branches(repository),
    compared?.from && compared.to
      ? services.changedPaths(repository, compared.from, compared.to)
      : null,
  ]);
  const key = textOf(fields, 'targetId') || 'new';
  const data = { key, preview: rulePreview({ ...facts, branches, changedPaths }) };
  return { status: 200, view: 'panel/rule-preview', data };
}

function ruleOf(fields: FormFields): Rule {
  const text = (name: string): string | null => textOf(fields, name) || null;
  return {
    branchPattern: text('branchPattern'),
    tagPattern: text('tagPattern'),
    includePaths: text('includePaths'),
    excludePaths: text('excludePaths'),
    honourSkipMarkers: honoursSkipMarkers(fields),
  };
}
