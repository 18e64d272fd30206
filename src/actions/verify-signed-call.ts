import { createSecretKey, randomBytes } from 'node:crypto';
import type { Deployment, Target } from '../core/model/index.js';
import type { Clock, DeploymentReads, TargetReads, Vault } from '../core/ports.js';
import { signingKey, verifyMessage } from '../lib/standard-webhooks.js';
import { openTarget } from './open-target.js';

/** A request of a backend's receiver about one deployment, as it came in. */
export interface SignedCall {
  deploymentId: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Raw: the signature covers these bytes. */
  body: Buffer;
}

export interface SignedCallDeps {
  storage: {
    read: { deployments: Pick<DeploymentReads, 'byId'>; targets: Pick<TargetReads, 'byId'> };
  };
  vault: Vault;
  clock: Clock;
  /** What receivers of this backend sign with, given a target's opened secrets; empty: it takes no calls. */
  signingSecrets(backend: string, secrets: Readonly<Record<string, unknown>>): readonly string[];
}

export type VerifiedCall =
  | { ok: true; deployment: Deployment; target: Target; secrets: readonly string[] }
  /** For the log only: who asks must not learn whether the deployment exists. */
  | { ok: false; why: string };

/** Nobody has it: signatures for deployments that do not exist cost the same work and fail the same way. */
const decoy = createSecretKey(randomBytes(32));

/** Signed with the target's secret, or the previous one, within five minutes? */
export async function verifySignedCall(
  call: SignedCall,
  deps: SignedCallDeps,
): Promise<VerifiedCall> {
  const { read } = deps.storage;
  const deployment = await read.deployments.byId(call.deploymentId);
  const target = deployment && (await read.targets.byId(deployment.targetId));
  const secrets = target
    ? deps.signingSecrets(target.backend, openTarget(target, deps.vault).secrets)
    : [];
  const keys = secrets.map(signingKey).filter((key) => key !== null);
  const signer = keys.length > 0 ? keys : [decoy];
  const verified = verifyMessage(call.headers, call.body, signer, deps.clock());
  if (!deployment || !target) return { ok: false, why: 'deployment_unknown' };
  if (!verified.ok) return { ok: false, why: keys.length > 0 ? verified.why : 'no_secret' };
  return { ok: true, deployment, target, secrets };
}

/** Null when it is not JSON. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return null;
  }
}
