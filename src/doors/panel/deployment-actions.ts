import { InputError } from '../../core/errors.js';
import type { Deployment } from '../../core/model/index.js';
import { wishOfView } from './activity-wish.js';
import { deploymentOf, targetOf, type Answer, type PanelContext } from './context.js';
import { textOf, type FormFields } from './form-fields.js';
import { loadActivity } from './load-activity.js';
import { shortHashLength } from './view/links.js';
import { failedWithinMs, retriedWords } from './view/retried.js';

/** `POST /panel/actions/deploy` */
export async function deploy(context: PanelContext, fields: FormFields): Promise<Answer> {
  const target = await targetOf(context, textOf(fields, 'targetId'));
  const refType = textOf(fields, 'refType') || 'branch';
  const refName = textOf(fields, 'refName');
  if (refType !== 'branch' && refType !== 'tag') throw new InputError('ref_unknown');
  if (refName === '') throw new InputError('ref_unknown', 'write the name of one');
  const deployment = await context.services.deployNow({
    targetId: target.id,
    refType,
    refName,
    by: context.by,
  });
  return listed(
    context,
    fields,
    deployment,
    `${short(deployment)} is on its way to ${target.name}.`,
  );
}

/** `POST /panel/actions/deployment/redeploy` */
export async function redeploy(context: PanelContext, fields: FormFields): Promise<Answer> {
  const { id } = await deploymentOf(context, textOf(fields, 'deploymentId'));
  const deployment = await context.services.redeploy({ deploymentId: id, by: context.by });
  return listed(context, fields, deployment, `${short(deployment)} is being deployed again.`);
}

/** `POST /panel/actions/deployment/cancel` */
export async function cancel(context: PanelContext, fields: FormFields): Promise<Answer> {
  const deployment = await deploymentOf(context, textOf(fields, 'deploymentId'));
  await context.services.cancel({ deploymentId: deployment.id, by: context.by });
  return listed(context, fields, deployment, `Stopping the deployment of ${short(deployment)}.`);
}

/** `POST /panel/actions/deployment/rollback` */
export async function rollBack(context: PanelContext, fields: FormFields): Promise<Answer> {
  const { id } = await deploymentOf(context, textOf(fields, 'deploymentId'));
  const deployment = await context.services.rollBack({ deploymentId: id, by: context.by });
  return listed(context, fields, deployment, `Rolling back to ${short(deployment)}.`);
}

/** `POST /panel/actions/deployment/retry`: one that failed last, or with `all` = `true` every one of the repository. */
export async function retryFailed(context: PanelContext, fields: FormFields): Promise<Answer> {
  const { services, repository, by, now } = context;
  const wish =
    textOf(fields, 'all') === 'true'
      ? { failedSince: now - failedWithinMs, repositoryId: repository.id }
      : { ids: [(await deploymentOf(context, textOf(fields, 'deploymentId'))).id] };
  const done = await services.retryFailed({ wish, by });
  if (done.retried.length === 0) {
    throw new InputError(
      'retry_invalid',
      done.refused[0]?.why ?? 'nothing has failed last any more',
    );
  }
  const flag = { kind: 'success', ...retriedWords(done), code: 'accepted' } as const;
  const { view } = await loadActivity(context, { flag, wish: wishOfView(fields) });
  return { status: 200, view: 'panel/activity', data: view };
}

/** `POST /panel/actions/deployment/approve` */
export async function approve(context: PanelContext, fields: FormFields): Promise<Answer> {
  const deployment = await deploymentOf(context, textOf(fields, 'deploymentId'));
  await context.services.approve({ deploymentId: deployment.id, by: context.by });
  return listed(context, fields, deployment, `${short(deployment)} goes on.`);
}

/** `POST /panel/actions/deployment/decline` */
export async function decline(context: PanelContext, fields: FormFields): Promise<Answer> {
  const deployment = await deploymentOf(context, textOf(fields, 'deploymentId'));
  await context.services.decline({ deploymentId: deployment.id, by: context.by });
  return listed(context, fields, deployment, `${short(deployment)} does not go on.`);
}

/** `POST /panel/actions/deployment/confirm` */
export async function confirm(context: PanelContext, fields: FormFields): Promise<Answer> {
  const deployment = await deploymentOf(context, textOf(fields, 'deploymentId'));
  await context.services.confirmLive({ deploymentId: deployment.id, by: context.by });
  return listed(context, fields, deployment, `${short(deployment)} counts as live.`);
}

async function listed(
  context: PanelContext,
  fields: FormFields,
  deployment: Deployment,
  says: string,
): Promise<Answer> {
  const flag = { kind: 'success', says, advice: null, code: 'accepted' } as const;
  const { view } = await loadActivity(context, { flag, wish: wishOfView(fields) });
  return {
    status: 200,
    view: 'panel/activity',
    data: view,
    headers: { 'X-Slipway-Deployment': deployment.id },
  };
}

function short(deployment: Deployment): string {
  return deployment.commit.slice(0, shortHashLength);
}
