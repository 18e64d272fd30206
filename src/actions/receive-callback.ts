import { z } from 'zod';
import { isOver } from '../core/delivery/settle.js';
import type { BackendReport, Deployment } from '../core/model/index.js';
import { redactText } from '../lib/redact-text.js';
import { withEarlier, type ReportDeps, type ReportTransaction } from './backend-reports.js';
import {
  parseJson,
  verifySignedCall,
  type SignedCall,
  type SignedCallDeps,
} from './verify-signed-call.js';

export type CallbackResult =
  | { kind: 'taken'; state: string }
  /** Verified, but it changes nothing. */
  | { kind: 'ignored'; noop: 'deployment_over' | 'after_the_end' | 'old_sequence' }
  | { kind: 'refused'; why: string }
  /** Verified, but not what the contract says. */
  | { kind: 'unreadable'; message: string };

const messageLimit = 500;

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http(s) address' }).max(2000);

/** reference/deploy-backends.md §3.2. `deployment_id` is no must, but bars a report from being replayed to another one. */
const callbackShape = z.object({
  type: z.enum([
    'deployment.building',
    'deployment.deploying',
    'deployment.live',
    'deployment.failed',
    'deployment.stopped',
  ]),
  data: z.object({
    deployment_id: z.string().optional(),
    sequence: z.number().int().min(1),
    url: httpUrl.nullish(),
    log_url: httpUrl.nullish(),
    message: z.string().nullish(),
    commit: z
      .string()
      .regex(/^[0-9a-f]{7,64}$/i, 'must be a commit hash, or its first seven digits or more')
      .nullish(),
  }),
});

/** A signed report of how a deployment goes. Stored and the lane woken in one transaction; the lane then observes it. */
export async function receiveCallback(
  call: SignedCall,
  deps: ReportDeps & SignedCallDeps,
): Promise<CallbackResult> {
  const verified = await verifySignedCall(call, deps);
  if (!verified.ok) return { kind: 'refused', why: verified.why };
  const parsed = callbackShape.safeParse(parseJson(call.body));
  if (!parsed.success) return { kind: 'unreadable', message: firstProblem(parsed.error) };
  const { type, data } = parsed.data;
  if (data.deployment_id !== undefined && data.deployment_id !== verified.deployment.id) {
    return { kind: 'refused', why: 'another_deployment' };
  }
  const report: BackendReport = {
    deploymentId: verified.deployment.id,
    sequence: data.sequence,
    state: type.slice('deployment.'.length) as BackendReport['state'],
    url: data.url ?? null,
    logUrl: data.log_url ?? null,
    message: data.message ? redactText(data.message, verified.secrets, messageLimit) : null,
    commit: data.commit ?? null,
    reportedAt: deps.clock(),
  };
  return deps.storage.write((tx) => keep(tx, report));
}

async function keep(tx: ReportTransaction, report: BackendReport): Promise<CallbackResult> {
  const deployment = await tx.deployments.byId(report.deploymentId);
  const earlier = await tx.backendReports.ofDeployment(report.deploymentId);
  const noop = whyIgnored(deployment, earlier, report);
  if (noop !== null) return { kind: 'ignored', noop };
  await tx.backendReports.save(withEarlier(report, earlier));
  // One that waits for its next try waits on: the receiver itself may have said when.
  if (deployment && deployment.state !== 'queued' && deployment.state !== 'waiting') {
    await tx.lanes.wake([deployment.targetId], report.reportedAt);
  }
  return { kind: 'taken', state: report.state };
}

function whyIgnored(
  deployment: Deployment | null,
  earlier: BackendReport | null,
  report: BackendReport,
): Extract<CallbackResult, { kind: 'ignored' }>['noop'] | null {
  if (!deployment || isOver(deployment.state)) return 'deployment_over';
  if (!earlier) return null;
  if (isOver(earlier.state)) return 'after_the_end';
  return report.sequence <= earlier.sequence ? 'old_sequence' : null;
}

function firstProblem(error: z.ZodError): string {
  const [issue] = error.issues;
  const where = issue?.path.join('.') ?? '';
  return where === ''
    ? 'The body must be a JSON object with type and data.'
    : `${where}: ${issue?.message ?? 'is not as expected'}`;
}
