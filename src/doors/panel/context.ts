import { AccessError } from '../../core/errors.js';
import type { Deployment, Repository, Target } from '../../core/model/index.js';
import type { Places } from './deps.js';
import type { FormFields } from './form-fields.js';
import type { Actor, PanelServices } from './panel-services.js';
import { mayChangeRepository, type Rights } from './identity.js';
import type { PanelSession } from './session.js';

/** One request of one session about its one repository. Knows no Express, so that other frames can use the same handlers. */
export interface PanelContext {
  services: PanelServices;
  places: Places;
  session: PanelSession;
  repository: Repository;
  rights: Rights;
  by: Actor;
  now: number;
}

export interface Answer {
  status: number;
  /** Template under `views/`, and what it shows. */
  view: string;
  data: object;
  headers?: Record<string, string>;
}

export interface FlagView {
  kind: 'success' | 'error';
  says: string;
  advice: string | null;
  code: string;
}

export type Handler = (context: PanelContext, fields: FormFields) => Promise<Answer>;

/** The session's repository, as long as it is still where the session was given out. */
export async function repositoryOf(
  services: PanelServices,
  session: PanelSession,
): Promise<Repository> {
  const repository = await services.read.repositories.byUuid(session.repoUuid);
  // After a transfer to another workspace the old one's people have no business here any more.
  if (repository === null || repository.workspaceUuid !== session.workspaceUuid) {
    throw new AccessError('repository_unknown', 404);
  }
  if (repository.state === 'deleted') throw new AccessError('repository_gone', 404);
  return repository;
}

/** A session lives for 15 minutes; the right may have gone meanwhile, so it is asked for again (cached over there). */
export async function demandAdmin(context: PanelContext): Promise<void> {
  if (context.rights !== 'admin') throw new AccessError('not_repository_admin', 403);
  const permission = await context.services.permission(
    context.repository,
    context.session.userUuid,
  );
  if (!mayChangeRepository(permission, context.session)) {
    throw new AccessError('not_repository_admin', 403);
  }
}

/** Ids in a form are only claims: what belongs to another repository does not exist here. */
export async function targetOf(context: PanelContext, targetId: string): Promise<Target> {
  const target = targetId === '' ? null : await context.services.read.targets.byId(targetId);
  if (
    target === null ||
    target.repositoryId !== context.repository.id ||
    target.state === 'removed'
  ) {
    throw new AccessError('target_unknown', 404);
  }
  return target;
}

export async function deploymentOf(context: PanelContext, id: string): Promise<Deployment> {
  const deployment = id === '' ? null : await context.services.read.deployments.byId(id);
  if (deployment === null || deployment.repositoryId !== context.repository.id) {
    throw new AccessError('deployment_unknown', 404);
  }
  return deployment;
}
