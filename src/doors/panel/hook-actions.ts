import { explainProblem } from '../../core/hooks/explain.js';
import type { Answer, FlagView, PanelContext } from './context.js';
import { hookView, type HookView } from './view/hook.js';

export async function loadHook(context: PanelContext): Promise<HookView | null> {
  const { repository, session, rights, now, services } = context;
  const [hook, installations] = await Promise.all([
    services.read.hooks.ofRepository(repository.id),
    services.read.installations.ofWorkspace(repository.workspaceUuid),
  ]);
  const alsoByApp = installations.length > 0;
  return hookView(hook, { door: session.door, rights, alsoByApp, now });
}

export async function showHook(context: PanelContext): Promise<Answer> {
  return answer(context, null);
}

/** `POST /panel/actions/hook/enable` */
export async function enableHook(context: PanelContext): Promise<Answer> {
  const { repository, by, services } = context;
  await services.hooks.ensure({ repository, by });
  return done(context, 'Slipway is on for this repository: every push reaches it from now on.');
}

/** `POST /panel/actions/hook/repair`: also gives it a new secret. */
export async function repairHook(context: PanelContext): Promise<Answer> {
  const { repository, by, services } = context;
  await services.hooks.ensure({ repository, by });
  return done(context, 'The webhook is as it should be, with a new secret.');
}

/** `POST /panel/actions/hook/disable` */
export async function disableHook(context: PanelContext): Promise<Answer> {
  const { repository, by, services } = context;
  const { problem } = await services.hooks.remove({ repository, by });
  if (problem === null) {
    return done(
      context,
      'Slipway is off for this repository, and its webhook is gone. Targets and history stay.',
    );
  }
  const advice = `${problem} Remove the webhook called Slipway under Repository settings → Webhooks in Bitbucket.`;
  return done(
    context,
    'Slipway is off for this repository, but its webhook is still there.',
    advice,
  );
}

/** `POST /panel/actions/hook/check` */
export async function checkHook(context: PanelContext): Promise<Answer> {
  const { repository, by, services } = context;
  const health = await services.hooks.check({ repository, by });
  if (health === null || health.problem === null) {
    return done(context, 'Checked: the webhook is as it should be.');
  }
  const { says, advice } = explainProblem(health.problem, health.detail);
  return answer(context, { kind: 'error', says, advice, code: `hook_${health.problem}` });
}

function done(context: PanelContext, says: string, advice: string | null = null): Promise<Answer> {
  return answer(context, { kind: 'success', says, advice, code: 'accepted' });
}

async function answer(context: PanelContext, flag: FlagView | null): Promise<Answer> {
  const hook = await loadHook(context);
  return { status: 200, view: 'panel/hook', data: { hook, flag } };
}
