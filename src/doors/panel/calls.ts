import { AccessError } from '../../core/errors.js';
import type { Clock } from '../../core/ports.js';
import { demandAdmin, repositoryOf, type Answer, type Handler } from './context.js';
import { trimPlaces, type Places } from './deps.js';
import {
  approve,
  cancel,
  confirm,
  decline,
  deploy,
  redeploy,
  retryFailed,
  rollBack,
} from './deployment-actions.js';
import type { FormFields } from './form-fields.js';
import { fragments } from './fragments.js';
import { checkHook, disableHook, enableHook, repairHook } from './hook-actions.js';
import type { PanelServices } from './panel-services.js';
import { problemOf } from './problems.js';
import type { PanelSession } from './session.js';
import { createNew, proposeCreation } from './creation.js';
import {
  checkTarget,
  fixTarget,
  removeTarget,
  saveTarget,
  setAutomatic,
} from './target-actions.js';

/** `GET …/panel/fragments/<name>` or `POST …/panel/actions/<name>`, whatever frame it came through. */
export interface PanelCall {
  kind: 'fragment' | 'action';
  name: string;
  fields: FormFields;
}

export interface CallDeps extends Places {
  services: PanelServices;
  clock: Clock;
}

const actions: Readonly<Record<string, Handler>> = {
  'target/save': saveTarget,
  'target/check': checkTarget,
  'target/fix': fixTarget,
  'target/remove': removeTarget,
  'target/automatic': setAutomatic,
  'creation/propose': proposeCreation,
  'creation/create': createNew,
  deploy,
  'deployment/redeploy': redeploy,
  'deployment/cancel': cancel,
  'deployment/rollback': rollBack,
  'deployment/retry': retryFailed,
  'hook/enable': enableHook,
  'hook/disable': disableHook,
  'hook/repair': repairHook,
  'hook/check': checkHook,
  'deployment/approve': approve,
  'deployment/decline': decline,
  'deployment/confirm': confirm,
};

export const actionNames: readonly string[] = Object.keys(actions);

export function isFragment(name: string): boolean {
  return Object.hasOwn(fragments, name);
}

/** Whether a fragment is refused to readers. */
export function isForAdmins(name: string): boolean {
  return isFragment(name) && fragments[name]?.adminOnly === true;
}

/**
 * Every call of the repository's panel, for all doors: the door has found out whose session it is, and puts the answer into its
 * frame. Knows no Express. Refusals are answers, too; nothing is thrown.
 */
export async function answerCall(
  deps: CallDeps,
  session: PanelSession,
  call: PanelCall,
): Promise<Answer> {
  try {
    return await carryOut(deps, session, call);
  } catch (error) {
    return refusal(deps.services, error);
  }
}

async function carryOut(
  deps: CallDeps,
  session: PanelSession,
  { kind, name, fields }: PanelCall,
): Promise<Answer> {
  const context = {
    services: deps.services,
    places: trimPlaces(deps),
    session,
    repository: await repositoryOf(deps.services, session),
    rights: session.rights,
    by: { uuid: session.userUuid, name: session.userName },
    now: deps.clock(),
  };
  const fragment = kind === 'fragment' && isFragment(name) ? fragments[name] : undefined;
  const action = kind === 'action' && Object.hasOwn(actions, name) ? actions[name] : undefined;
  const handle = fragment?.handle ?? action;
  if (handle === undefined) throw new AccessError('call_unknown', 404);
  if (action || fragment?.adminOnly) await demandAdmin(context);
  return handle(context, fields);
}

export function refusal({ logger }: Pick<PanelServices, 'logger'>, error: unknown): Answer {
  const problem = problemOf(error);
  if (problem.isOurs) logger.error({ err: error }, 'panel: request failed');
  const flag = { kind: 'error', says: problem.says, advice: problem.advice, code: problem.code };
  return { status: problem.status, view: 'panel/message', data: { flag } };
}
