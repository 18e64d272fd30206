import { AccessError, InputError } from '../../core/errors.js';
import { activityWish } from './activity-wish.js';
import { blankForm } from './blank-form.js';
import { deploymentOf, targetOf, type Answer, type Handler, type PanelContext } from './context.js';
import { textOf, type FormFields } from './form-fields.js';
import { showCreation } from './creation.js';
import { withAccount } from './load-account.js';
import { showHook } from './hook-actions.js';
import { loadActivity, loadTarget } from './load-activity.js';
import { showPreview } from './preview-rule.js';
import { attemptView } from './view/calls.js';
import { refFields, settingsView, targetFormView, type FormFacts } from './view/target-form.js';

export interface Fragment {
  handle: Handler;
  /** Shows or offers what only an admin may see. */
  adminOnly: boolean;
}

/** `GET /panel/fragments/<name>` */
export const fragments: Readonly<Record<string, Fragment>> = {
  deployments: { handle: showActivity, adminOnly: false },
  hook: { handle: showHook, adminOnly: false },
  target: { handle: showTarget, adminOnly: false },
  'new-target': { handle: showNewTarget, adminOnly: true },
  'target-form': { handle: showTargetForm, adminOnly: true },
  settings: { handle: showSettings, adminOnly: true },
  preview: { handle: showPreview, adminOnly: true },
  creation: { handle: showCreation, adminOnly: true },
  log: { handle: showLog, adminOnly: true },
  calls: { handle: showCalls, adminOnly: true },
};

async function showActivity(context: PanelContext, fields: FormFields): Promise<Answer> {
  const { view } = await loadActivity(context, { wish: activityWish(fields) });
  return { status: 200, view: 'panel/activity', data: view };
}

async function showTarget(context: PanelContext, fields: FormFields): Promise<Answer> {
  const target = await targetOf(context, textOf(fields, 'targetId'));
  const card = await loadTarget(context, target);
  return {
    status: 200,
    view: 'panel/target',
    data: { target: card, message: null, newTarget: null },
  };
}

async function showNewTarget(context: PanelContext): Promise<Answer> {
  return { status: 200, view: 'panel/new-target', data: await newTargetView(context) };
}

export interface NewTargetView {
  hasTargets: boolean;
  hasBackends: boolean;
  /** Open at once where there is nothing else to look at. */
  form: ReturnType<typeof targetFormView>;
}

export async function newTargetView(context: PanelContext): Promise<NewTargetView> {
  const targets = await context.services.read.targets.ofRepository(context.repository.id);
  const hasTargets = targets.length > 0;
  const blank = { ...(await blankForm(context)), canCancel: false };
  const form = hasTargets ? null : targetFormView(await withAccount(context, blank, new Map()));
  return { hasTargets, hasBackends: context.services.backends.length > 0, form };
}

async function showTargetForm(context: PanelContext, fields: FormFields): Promise<Answer> {
  const facts = await withAccount(context, await formFacts(context, fields), fields);
  const form = targetFormView(facts);
  if (form === null) throw new InputError('backend_unknown');
  return { status: 200, view: 'panel/target-form', data: { form } };
}

/** The parts of the form that depend on the chosen backend: its settings, and tags only where it can deploy them. */
async function showSettings(context: PanelContext, fields: FormFields): Promise<Answer> {
  const facts = await withAccount(context, await formFacts(context, fields), fields);
  const backend = context.services.backends.find((one) => one.id === facts.backendId);
  if (backend === undefined) throw new InputError('backend_unknown');
  const data = { settings: settingsView(facts, backend), fields: refFields(facts, backend) };
  return { status: 200, view: 'panel/settings', data };
}

async function formFacts(context: PanelContext, fields: FormFields): Promise<FormFacts> {
  const targetId = textOf(fields, 'targetId');
  const target = targetId === '' ? null : await targetOf(context, targetId);
  const backendId = textOf(fields, 'backend');
  return { ...(await blankForm(context)), target, backendId: backendId === '' ? null : backendId };
}

async function showLog(context: PanelContext, fields: FormFields): Promise<Answer> {
  const deployment = await deploymentOf(context, textOf(fields, 'deploymentId'));
  const text = await context.services.buildLog(deployment);
  if (text === null) throw new AccessError('deployment_unknown', 404);
  return { status: 200, view: 'panel/log', data: { id: deployment.id, text } };
}

/** What was sent to the backend for a deployment, and what came back. */
async function showCalls(context: PanelContext, fields: FormFields): Promise<Answer> {
  const { id } = await deploymentOf(context, textOf(fields, 'deploymentId'));
  const made = await context.services.read.attempts.ofDeployment(id);
  const attempts = made.map((one) => attemptView(one, context.now));
  return { status: 200, view: 'panel/calls', data: { id, attempts } };
}
