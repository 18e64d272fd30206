import type {
  BackendDeployment,
  BackendTarget,
  RollbackRequest,
  TriggerRequest,
} from '../../core/backend.js';

/** What the receiver is sent, besides the signature headers: docs/backends/signed-webhook.md is its contract. */
export interface Message {
  type:
    | 'deployment.requested'
    | 'deployment.rollback_requested'
    | 'deployment.cancel_requested'
    | 'deployment.lookup_requested'
    | 'target.ping';
  /** `webhook-id`: the same for every try of one request. */
  id: string;
  data: Record<string, unknown>;
}

const subjectLimit = 200;

export function deploymentRequested(
  request: TriggerRequest,
  own: { baseUrl: string; credentialToken: string },
): Message {
  const { repository } = request;
  return {
    type: 'deployment.requested',
    id: `deploy_${request.idempotencyKey}`,
    data: {
      deployment_id: request.deploymentId,
      fencing: request.fencing,
      target: describeTarget(request.target),
      repository: {
        uuid: repository.uuid,
        full_name: repository.fullName,
        clone_url: repository.cloneUrl,
      },
      ref: { type: request.refType, name: request.refName },
      commit: {
        hash: request.commit,
        message_subject: subjectOf(request.message),
        author: request.author,
      },
      cause: { kind: request.cause, actor: request.causedBy },
      attempt: request.attempt,
      previous_commit: request.previousCommit,
      callback_url: `${apiUrl(own.baseUrl, request)}/events`,
      // Never the credential itself: the body may end up in the receiver's logs. The token alone opens nothing either; the call
      // that redeems it has to be signed.
      credential_url: `${apiUrl(own.baseUrl, request)}/credential`,
      credential_token: own.credentialToken,
    },
  };
}

export function rollbackRequested(request: RollbackRequest, own: { baseUrl: string }): Message {
  return {
    type: 'deployment.rollback_requested',
    id: `rollback_${request.idempotencyKey}`,
    data: {
      deployment_id: request.deploymentId,
      fencing: request.fencing,
      target: describeTarget(request.target),
      commit: { hash: request.commit },
      to: { deployment_id: request.toDeploymentId, external_id: request.toBackendRef },
      callback_url: `${apiUrl(own.baseUrl, request)}/events`,
    },
  };
}

export function cancelRequested(deployment: BackendDeployment): Message {
  return {
    type: 'deployment.cancel_requested',
    id: `cancel_${deployment.deploymentId}`,
    data: aboutDeployment(deployment),
  };
}

/** A question, not a request: a receiver that keeps its answer under the id must not repeat a stale one. */
export function lookupRequested(deployment: BackendDeployment, newId: string): Message {
  return {
    type: 'deployment.lookup_requested',
    id: `lookup_${newId}`,
    data: aboutDeployment(deployment),
  };
}

export function ping(target: BackendTarget, newId: string): Message {
  return { type: 'target.ping', id: `ping_${newId}`, data: { target: describeTarget(target) } };
}

function aboutDeployment(deployment: BackendDeployment): Record<string, unknown> {
  return {
    deployment_id: deployment.deploymentId,
    external_id: deployment.backendRef,
    target: describeTarget(deployment.target),
    commit: { hash: deployment.commit },
  };
}

function describeTarget({ id, name }: BackendTarget): Record<string, string> {
  return { id, name, environment: name };
}

function apiUrl(baseUrl: string, { deploymentId }: BackendDeployment): string {
  return `${baseUrl}/api/deployments/${encodeURIComponent(deploymentId)}`;
}

function subjectOf(message: string | null): string | null {
  if (message === null) return null;
  const [subject = ''] = message.trim().split(/\r?\n/, 1);
  return [...subject].slice(0, subjectLimit).join('');
}
