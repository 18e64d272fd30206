import type { CheckResult, CheckWarning, FixResult } from '../../core/backend.js';
import type { CallContext } from './api.js';
import type { AppCalls } from './app-calls.js';
import { componentKinds, type App } from './shapes.js';
import { bitbucketSources, isSameRepository } from './source.js';

export const noDeployOnPush = 'no-deploy-on-push';

/** What stands in the way of deploying this app, or will surprise people. */
export function checkApp(app: App, repository: string | undefined): CheckResult {
  const sources = bitbucketSources(app).filter(
    (one) => repository === undefined || isSameRepository(one.repository, repository),
  );
  const [first] = sources;
  if (!first) {
    const message = `No part of this app is built from ${repository ?? 'Bitbucket'}, so a push could not change it. Choose another app, or set its source at DigitalOcean.`;
    return { ok: false, problems: [{ field: 'app', message }] };
  }
  const branches = [...new Set(sources.map(({ branch }) => branch))];
  if (branches.length > 1) {
    const message = `Its parts are built from different branches (${branches.join(', ')}); set the same one for all at DigitalOcean.`;
    return { ok: false, problems: [{ field: 'app', message }] };
  }
  const warnings: CheckWarning[] = [];
  if (sources.some(({ deploysOnPush }) => deploysOnPush)) {
    warnings.push({
      message:
        'DigitalOcean itself deploys this app on every push (deploy_on_push), so each push would deploy twice.',
      fix: { id: noDeployOnPush, label: 'Turn that off at DigitalOcean' },
    });
  }
  if (app.pinned_deployment) {
    warnings.push({
      message:
        'The app is pinned by a rollback at DigitalOcean: nothing is deployed until automatic deploys are resumed here or the rollback is kept or undone there.',
    });
  }
  return { ok: true, branch: first.branch, warnings };
}

/** Sends the whole spec back with nothing else changed; its secrets come and go encrypted. */
export async function turnOffDeployOnPush(
  app: string,
  calls: AppCalls,
  context: CallContext,
): Promise<FixResult> {
  const read = await calls.rawSpec(app, context);
  if (!read.ok) return { kind: 'failed', reason: read.reason };
  const written = await calls.update(app, withoutDeployOnPush(read.value), context);
  return written.ok ? { kind: 'done' } : { kind: 'failed', reason: written.reason };
}

function withoutDeployOnPush(spec: Record<string, unknown>): Record<string, unknown> {
  const changed = { ...spec };
  for (const key of Object.keys(componentKinds)) {
    const parts: unknown = spec[key];
    if (!Array.isArray(parts)) continue;
    changed[key] = parts.map((part: unknown) => {
      const bitbucket = isObject(part) ? part['bitbucket'] : undefined;
      if (!isObject(part) || !isObject(bitbucket)) return part;
      return { ...part, bitbucket: { ...bitbucket, deploy_on_push: false } };
    });
  }
  return changed;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
