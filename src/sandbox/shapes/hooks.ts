import type { JsonObject } from '../json.js';
import type { Webhook } from '../state/model.js';
import type { World } from '../world.js';
import { workspaceShape } from './accounts.js';
import { hrefs } from './links.js';
import { repositoryReference } from './repositories.js';

/** A webhook as the API shows it: never with its secret (bitbucket-api §4.8). */
export function hookShape(world: World, hook: Webhook): JsonObject {
  const { secret, subject_uuid, subject_type, ...rest } = hook;
  return {
    type: 'webhook_subscription',
    ...rest,
    created_at: hook.created_at,
    secret_set: secret !== null,
    subject_type,
    subject: subjectShape(world, subject_uuid),
    read_only: false,
    source: null,
    history_enabled: true,
    links: hrefs({ self: hookUrl(world, hook) }),
  };
}

export function hookUrl(world: World, hook: Webhook): string {
  const { state, links } = world;
  const id = encodeURIComponent(hook.uuid);
  const repository = state.repository('{}', hook.subject_uuid);
  if (repository) return links.repositoryApi(state.fullName(repository), 'hooks') + `/${id}`;
  const slug = state.workspace(hook.subject_uuid)?.slug ?? '';
  return links.api(`/workspaces/${slug}/hooks/${id}`);
}

function subjectShape(world: World, uuid: string): JsonObject {
  const { state, links } = world;
  const repository = state.repository('{}', uuid);
  if (repository) return repositoryReference(links, repository, state.workspaceOf(repository));
  const workspace = state.workspace(uuid);
  return workspace ? workspaceShape(links, workspace) : {};
}
