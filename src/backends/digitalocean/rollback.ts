import type { RollbackRequest, TriggerOutcome } from '../../core/backend.js';
import type { CallContext } from './api.js';
import type { AppCalls } from './app-calls.js';
import { failedTrigger } from './outcomes.js';
import type { App } from './shapes.js';

/** reference/deploy-backends.md §1.6 */
const refusals: Readonly<Record<string, string>> = {
  incompatible_phase: 'That deployment never went live, so it cannot be gone back to.',
  incompatible_result: 'That deployment did not end well, so it cannot be gone back to.',
  exceeded_revision_limit:
    'DigitalOcean no longer keeps that release; redeploy its commit instead.',
  app_pinned:
    'The app is pinned by another rollback at DigitalOcean; resume automatic deploys first.',
  database_config_conflict:
    'The app’s database settings have changed since; go back at DigitalOcean.',
  region_conflict: 'The app has moved to another region since.',
};

/**
 * Back to an earlier release. DigitalOcean pins the app then. An app that is pinned already can only be let go of: going to what was
 * there before the rollback undoes it; going anywhere else keeps it first.
 */
export async function rollBack(
  app: App,
  request: RollbackRequest,
  calls: AppCalls,
  context: CallContext,
): Promise<TriggerOutcome> {
  if (app.pinned_deployment) {
    const before = await wasBeforeRollback(app, request.toBackendRef, calls, context);
    if (before) {
      const reverted = await calls.revertRollback(app.id, context);
      if (!reverted.ok) return failedTrigger(reverted, true);
      return { kind: 'accepted', backendRef: reverted.value.id };
    }
    const kept = await calls.commitRollback(app.id, context);
    if (!kept.ok) return failedTrigger(kept, kept.why === 'forbidden');
  }
  const validated = await calls.validateRollback(app.id, request.toBackendRef, context);
  if (!validated.ok) return failedTrigger(validated, validated.why === 'forbidden');
  if (!validated.value.valid) {
    const { code = '', message } = validated.value.error ?? {};
    const said = refusals[code] ?? message ?? 'DigitalOcean refuses this rollback.';
    return { kind: 'rejected', reason: said };
  }
  const started = await calls.rollback(app.id, request.toBackendRef, context);
  if (!started.ok) return failedTrigger(started, true);
  return { kind: 'accepted', backendRef: started.value.id };
}

/** The pinned deployment came after that one, and nothing in between. */
async function wasBeforeRollback(
  app: App,
  ref: string,
  calls: AppCalls,
  context: CallContext,
): Promise<boolean> {
  const current = app.active_deployment?.id ?? app.pinned_deployment?.id;
  if (current === undefined) return false;
  const seen = await calls.deployment(app.id, current, context);
  return seen.ok && seen.value.previous_deployment_id === ref;
}
