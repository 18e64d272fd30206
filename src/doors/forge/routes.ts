import { Router, type RequestHandler } from 'express';
import type { ForgeCallKind } from '../../actions/note-forge-call.js';
import type { Logger } from '../../core/ports.js';
import { handled } from '../web/handled.js';
import type { ForgeCalls } from './calls.js';

/** Calls without a body that matters: their invocation token says everything. `kind` by the last part of the path. */
const plainCalls: Readonly<Record<string, ForgeCallKind>> = {
  lifecycle: 'lifecycle',
  'pre-uninstall': 'pre_uninstall',
  'token-refresh': 'schedule',
};

/**
 * `POST /forge/events/lifecycle` (installed, upgraded), `…/pre-uninstall` and `…/token-refresh` (every hour). Events about
 * repositories go to the intake, not here.
 */
export function createForgeCallRoutes(deps: { calls: ForgeCalls; logger: Logger }): Router {
  const router = Router();
  for (const [name, kind] of Object.entries(plainCalls)) {
    router.post(`/forge/events/${name}`, plainCall(deps, name, kind));
  }
  return router;
}

function plainCall(
  deps: { calls: ForgeCalls; logger: Logger },
  name: string,
  kind: ForgeCallKind,
): RequestHandler {
  return handled(async (request, response) => {
    const call = await deps.calls.take(request.headers, kind);
    const trace = request.get('x-b3-traceid') ?? null;
    const status = call.ok ? 204 : call.answer;
    // Atlassian's support asks for the trace id.
    const fields = { call: name, status, trace, ...(call.ok ? {} : { why: call.why }) };
    if (status === 204) deps.logger.info(fields, 'forge.called');
    else deps.logger.warn(fields, 'forge.refused');
    if (status === 503) response.set('Retry-After', '30');
    response.status(status).end();
  });
}
