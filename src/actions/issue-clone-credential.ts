import { createHash, createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { isOver } from '../core/delivery/settle.js';
import type { CloneCredential } from '../core/backend.js';
import { BitbucketError } from '../core/errors.js';
import type { CloneGrant, Deployment, Repository } from '../core/model/index.js';
import type {
  AttemptReads,
  Bitbucket,
  Clock,
  CloneGrantReads,
  CloneGrantWrites,
  DeploymentReads,
  DeploymentWrites,
  RepositoryReads,
} from '../core/ports.js';
import { noteCredential } from './note-credential.js';
import {
  parseJson,
  verifySignedCall,
  type SignedCall,
  type SignedCallDeps,
} from './verify-signed-call.js';

interface GrantTransaction {
  deployments: Pick<DeploymentReads & DeploymentWrites, 'byId' | 'update'>;
  attempts: AttemptReads;
  cloneGrants: CloneGrantReads & CloneGrantWrites;
}

export interface CloneGrantDeps {
  storage: {
    write<T>(work: (tx: GrantTransaction) => Promise<T>): Promise<T>;
    read: {
      repositories: Pick<RepositoryReads, 'byId'>;
      attempts: AttemptReads;
      cloneGrants: CloneGrantReads;
    };
  };
  bitbucket: Pick<Bitbucket, 'cloneUrl' | 'cloneCredential'>;
  /** Of our own, derived from the master keys, newest first: the first one makes tokens, all of them recognise one. */
  tokenKeys: readonly KeyObject[];
  issued: IssuedCredentials;
  clock: Clock;
}

export interface IssuedCredential {
  username: string;
  password: string;
  cloneUrl: string;
  /** Unix ms. */
  expiresAt: number;
}

export type CredentialResult =
  | { kind: 'issued'; credential: IssuedCredential }
  /** Verified, but this token opens nothing (any more). `why` for the log, `message` for the receiver. */
  | { kind: 'gone'; why: string; message: string }
  | { kind: 'refused'; why: string }
  | { kind: 'unreadable'; message: string };

/**
 * A token for the receiver, to be exchanged once for a clone credential. Nothing is stored until then: it follows from the
 * deployment, the fencing number of its try and a key of ours.
 */
export function offerCloneCredential(
  { deploymentId, fencing }: { deploymentId: string; fencing: number },
  tokenKey: KeyObject,
): string {
  return createHmac('sha256', tokenKey)
    .update(`clone credential ${deploymentId} ${fencing}`)
    .digest('base64url');
}

/** The token travels in the body: there the signature covers it, and no access log keeps it. */
const requestShape = z.object({
  type: z.literal('credential.requested'),
  /** `refused`: git did not take what this token brought; another credential, please. */
  data: z.object({ token: z.string().min(1).max(200), refused: z.boolean().optional() }),
});

/**
 * What was issued for a token, so that a receiver whose git was refused gets another one: a fresh one of the same source, then
 * the next source's. In memory only: after a restart the next try of the deployment brings a new token.
 */
export class IssuedCredentials {
  readonly #byToken = new Map<string, CloneCredential[]>();

  of(tokenDigest: string): readonly CloneCredential[] {
    return this.#byToken.get(tokenDigest) ?? [];
  }

  add(tokenDigest: string, credential: CloneCredential): void {
    this.#byToken.set(tokenDigest, [...this.of(tokenDigest), credential]);
    const oldest = this.#byToken.keys().next();
    if (this.#byToken.size > keptTokens && !oldest.done) this.#byToken.delete(oldest.value);
  }
}

const keptTokens = 1_000;
/** More than there are sources, each with a second chance. */
const mostPerToken = 8;

/**
 * Exchanges a token for a credential, once; and again for another one where git refused the first. Throws `BitbucketError` when
 * Bitbucket gives none now: the token is not used up then. Neither token nor credential is logged or stored.
 */
export async function issueCloneCredential(
  call: SignedCall,
  deps: CloneGrantDeps & SignedCallDeps,
): Promise<CredentialResult> {
  const verified = await verifySignedCall(call, deps);
  if (!verified.ok) return { kind: 'refused', why: verified.why };
  const parsed = requestShape.safeParse(parseJson(call.body));
  if (!parsed.success) {
    return {
      kind: 'unreadable',
      message: 'The body must be {"type":"credential.requested","data":{"token":"…"}}.',
    };
  }
  const { deployment, target } = verified;
  const repository = await deps.storage.read.repositories.byId(deployment.repositoryId);
  if (target.state === 'removed' || !repository || repository.state === 'deleted') {
    return gone('removed');
  }
  const { token, refused: isRefused = false } = parsed.data.data;
  const tries = await deps.storage.read.attempts.ofDeployments([deployment.id]);
  const offered = tries.filter(({ kind }) => kind === 'trigger');
  const offer = offered.find(({ fencing }) => {
    const ours = { deploymentId: deployment.id, fencing };
    return deps.tokenKeys.some((key) => isSame(token, offerCloneCredential(ours, key)));
  });
  if (!offer) return gone('token_unknown');
  const tokenDigest = digest(token);
  const isUsed = (await deps.storage.read.cloneGrants.usedAt(tokenDigest)) !== null;
  const earlier = isRefused ? deps.issued.of(tokenDigest) : [];
  if (isUsed && (earlier.length === 0 || earlier.length >= mostPerToken)) return gone('used');
  // Asked for before the token is used up: a Bitbucket that is away must not cost the receiver its only one.
  const credential = await nextCredential(repository, earlier, deps);
  if (credential === null) return gone('none_left');
  const { username, password, expiresAt } = credential;
  const { fencing, startedAt: offeredAt } = offer;
  const grant = {
    ...{ tokenDigest, deploymentId: deployment.id, fencing, offeredAt },
    usedAt: deps.clock(),
  };
  const why = await deps.storage.write((tx) => useUp(tx, grant, isUsed));
  if (why !== null) return gone(why);
  deps.issued.add(tokenDigest, credential);
  await noteCredential(deployment, credential, deps.storage);
  const cloneUrl = deps.bitbucket.cloneUrl(repository);
  return { kind: 'issued', credential: { username, password, cloneUrl, expiresAt } };
}

type Why = keyof typeof goneWords;

/** Null: every source was refused. */
async function nextCredential(
  repository: Repository,
  refused: readonly CloneCredential[],
  { bitbucket }: CloneGrantDeps,
): Promise<CloneCredential | null> {
  if (refused.length === 0) return bitbucket.cloneCredential(repository);
  try {
    return await bitbucket.cloneCredential(repository, { refused });
  } catch (error) {
    if (error instanceof BitbucketError && error.code === 'bitbucket_refused') return null;
    throw error;
  }
}

/** Null when the token was good, and is used up now (or was before, and another credential is wanted for it). */
async function useUp(
  tx: GrantTransaction,
  grant: CloneGrant,
  isUsed: boolean,
): Promise<Why | null> {
  const deployment = await tx.deployments.byId(grant.deploymentId);
  if (!deployment || !isRunning(deployment)) return 'not_running';
  const attempts = await tx.attempts.ofDeployments([grant.deploymentId]);
  const newest = attempts.filter(({ kind }) => kind === 'trigger').at(-1);
  if (newest?.fencing !== grant.fencing) return 'newer_try';
  if (isUsed) return null;
  return (await tx.cloneGrants.use(grant)) ? null : 'used';
}

/** `unknown` too: we may only have missed the answer of a receiver that is at work. */
function isRunning({ state }: Deployment): boolean {
  return !isOver(state) && state !== 'queued' && state !== 'waiting';
}

const goneWords = {
  removed: 'The target or its repository was removed.',
  token_unknown: 'This token was not offered for this deployment.',
  used: 'This token was used before; every request brings one credential.',
  none_left: 'Bitbucket refused every credential that there is for this repository.',
  not_running: 'This deployment is not running.',
  newer_try: 'This deployment was sent again since; use the token of the newest request.',
} as const;

function gone(why: Why): CredentialResult {
  return { kind: 'gone', why, message: goneWords[why] };
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
