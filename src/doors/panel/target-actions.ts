import { InputError, StateError } from '../../core/errors.js';
import type { Target } from '../../core/model/index.js';
import { PreflightError, type CheckProgress, type PreflightStep } from '../../core/preflight.js';
import { targetOf, type Answer, type PanelContext } from './context.js';
import { textOf, underPrefix, type FormFields } from './form-fields.js';
import { blankForm } from './blank-form.js';
import { newTargetView } from './fragments.js';
import { withAccount } from './load-account.js';
import { loadTarget } from './load-activity.js';
import type { SaveTargetInput, TargetCheck } from './panel-services.js';
import { problemOf } from './problems.js';
import { checkingView, preflightView, preflightWords } from './view/preflight.js';
import { describeSettings } from './view/settings-fields.js';
import { honoursSkipMarkers, targetFormView } from './view/target-form.js';

/**
 * `POST /panel/actions/target/save`. With `checked` (empty at first) it answers after each step of the check, and saves when it is
 * sent once more after the last; without, everything at once. A problem
 * comes back as the same form, with everything typed but the secrets.
 */
export async function saveTarget(context: PanelContext, fields: FormFields): Promise<Answer> {
  const targetId = textOf(fields, 'targetId');
  const target = targetId === '' ? null : await targetOf(context, targetId);
  try {
    const input = saveInput(context, fields, target);
    const checked = fields.get('checked');
    if (checked === undefined) {
      const saved = await context.services.saveTarget(input);
      return await savedAnswer(context, saved, target === null);
    }
    const answer = await context.services.saveTargetByStep(input, checked);
    if ('next' in answer) return checkingAnswer(answer, target?.id ?? 'new');
    return await savedAnswer(context, answer, target === null);
  } catch (error) {
    return await formAgain(context, fields, target, error);
  }
}

function saveInput(
  context: PanelContext,
  fields: FormFields,
  target: Target | null,
): SaveTargetInput {
  const backendId = target?.backend ?? textOf(fields, 'backend');
  const backend = context.services.backends.find((one) => one.id === backendId);
  if (backend === undefined) {
    throw new InputError('backend_unknown', undefined, { backend: 'Pick one of these.' });
  }
  const known = describeSettings(backend.settings);
  const sent = underPrefix(fields, 'settings.');
  const settings = known.flatMap(({ key }) => {
    const value = sent.get(key);
    return value === undefined ? [] : [[key, value] as const];
  });
  const clearSecrets = known
    .filter(({ key, meta }) => meta.secret === true && fields.get(`clear.${key}`) === 'true')
    .map(({ key }) => key);
  return {
    targetId: target?.id ?? null,
    expectedVersion: Number.parseInt(textOf(fields, 'expectedVersion'), 10) || 0,
    repository: context.repository,
    backend: backend.id,
    connectionId: textOf(fields, 'connectionId') || null,
    name: textOf(fields, 'name'),
    branchPattern: textOf(fields, 'branchPattern') || null,
    tagPattern: textOf(fields, 'tagPattern') || null,
    includePaths: textOf(fields, 'includePaths') || null,
    excludePaths: textOf(fields, 'excludePaths') || null,
    honourSkipMarkers: honoursSkipMarkers(fields),
    newerPush: textOf(fields, 'newerPush') === 'cancel' ? 'cancel' : 'finish',
    afterTargetId: textOf(fields, 'afterTargetId') || null,
    promote: textOf(fields, 'promote') === 'person' ? 'person' : 'automatic',
    settings: Object.fromEntries(settings),
    clearSecrets,
    by: context.by,
  };
}

async function savedAnswer(
  context: PanelContext,
  { target: saved, steps, warnings }: { target: Target } & TargetCheck,
  isNew: boolean,
): Promise<Answer> {
  const card = await loadTarget(context, saved);
  const says = isNew
    ? `${saved.name} is set up. Every matching push deploys from now on.`
    : 'Saved. The new settings count from the next deployment.';
  return {
    status: 200,
    view: 'panel/target',
    data: {
      target: card,
      message: {
        ...{ kind: 'success', says, warnings, steps: preflightView(steps) },
        offersDeploy: card.deploy !== null && !isThereLater(steps),
      },
      newTarget: isNew ? await newTargetView(context) : null,
    },
    headers: { 'X-Slipway-Target': saved.id },
  };
}

/** What the target deploys first does not exist yet. */
function isThereLater(steps: readonly PreflightStep[]): boolean {
  return steps.some(({ outcome }) => outcome === 'not_there_yet');
}

async function formAgain(
  context: PanelContext,
  fields: FormFields,
  target: Target | null,
  error: unknown,
): Promise<Answer> {
  const isConflict = error instanceof StateError && error.code === 'target_changed';
  if (!isConflict && !(error instanceof InputError)) throw error;
  const problem = problemOf(error);
  const facts = await withAccount(
    context,
    {
      ...(await blankForm(context)),
      target,
      backendId: textOf(fields, 'backend') || null,
      typed: fields,
      problem: {
        ...problem,
        isConflict,
        steps: error instanceof PreflightError ? preflightView(error.steps) : [],
      },
      canCancel: target !== null || fields.get('canCancel') === 'true',
    },
    fields,
  );
  const form = targetFormView(facts);
  if (form === null) throw error;
  return { status: problem.status, view: 'panel/target-form', data: { form } };
}

/** How far a check is; the page sends its form again with the `checked` in it. */
function checkingAnswer(progress: CheckProgress, key: string): Answer {
  return { status: 200, view: 'panel/checking', data: { checking: checkingView(progress, key) } };
}

/** `POST /panel/actions/target/check`: the check of a save once more, with `checked` as there. Changes nothing. */
export async function checkTarget(context: PanelContext, fields: FormFields): Promise<Answer> {
  const target = await targetOf(context, textOf(fields, 'targetId'));
  const { services } = context;
  const wish = { targetId: target.id };
  const checked = fields.get('checked');
  const found =
    checked === undefined
      ? await services.checkTarget(wish)
      : await services.checkTargetByStep(wish, checked);
  if ('next' in found) return checkingAnswer(found, target.id);
  const { steps, warnings } = found;
  const message = {
    ...preflightWords(steps),
    ...{ steps: preflightView(steps), warnings, offersDeploy: false },
  };
  return {
    status: 200,
    view: 'panel/target',
    data: { target: await loadTarget(context, target), message, newTarget: null },
    headers: { 'X-Slipway-Target': target.id },
  };
}

/** `POST /panel/actions/target/fix`: does at the backend what a warning offered. */
export async function fixTarget(context: PanelContext, fields: FormFields): Promise<Answer> {
  const target = await targetOf(context, textOf(fields, 'targetId'));
  const fix = textOf(fields, 'fix');
  const input = { targetId: target.id, fix, by: context.by };
  const warnings = await context.services.fixTarget(input);
  const card = await loadTarget(context, target);
  const message = {
    kind: 'success',
    says: 'Changed at the backend.',
    offersDeploy: false,
    warnings,
  };
  return {
    status: 200,
    view: 'panel/target',
    data: { target: card, message, newTarget: null },
    headers: { 'X-Slipway-Target': target.id },
  };
}

/** `POST /panel/actions/target/remove` */
export async function removeTarget(context: PanelContext, fields: FormFields): Promise<Answer> {
  const target = await targetOf(context, textOf(fields, 'targetId'));
  await context.services.removeTarget({ targetId: target.id, by: context.by });
  return {
    status: 200,
    view: 'panel/target-removed',
    data: {
      flag: {
        kind: 'success',
        says: `${target.name} was removed.`,
        advice: null,
        code: 'target_removed',
      },
      newTarget: await newTargetView(context),
    },
  };
}

/** `POST /panel/actions/target/automatic` */
export async function setAutomatic(context: PanelContext, fields: FormFields): Promise<Answer> {
  const target = await targetOf(context, textOf(fields, 'targetId'));
  const on = fields.get('on') === 'true';
  await context.services.setAutomatic({ targetId: target.id, on, by: context.by });
  const card = await loadTarget(context, await targetOf(context, target.id));
  const says = on
    ? 'Automatic deploys are on again. The next matching push deploys.'
    : 'Automatic deploys are paused. Pushes are noted, but deploy nothing.';
  return {
    status: 200,
    view: 'panel/target',
    data: {
      target: card,
      message: { kind: 'success', says, offersDeploy: on && card.deploy !== null },
      newTarget: null,
    },
    headers: { 'X-Slipway-Target': target.id },
  };
}
