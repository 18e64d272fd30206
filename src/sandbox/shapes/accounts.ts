import type { JsonObject } from '../json.js';
import type { AppAccount, Installation, User, Workspace } from '../state/model.js';
import { hrefs, type Links } from './links.js';

/** The condensed user of payloads and embedded objects (bitbucket-api §5.5, ACTOR). */
export function userShape(links: Links, user: User): JsonObject {
  const id = encodeURIComponent(user.uuid);
  return {
    display_name: user.display_name,
    links: hrefs({
      self: links.api(`/users/${id}`),
      avatar: links.avatar(user.display_name),
      html: links.html(`/${id}/`),
    }),
    type: 'user',
    uuid: user.uuid,
    account_id: user.account_id,
    nickname: user.nickname,
  };
}

/** `GET /2.0/user` (§4.1). */
export function fullUserShape(links: Links, user: User): JsonObject {
  const id = encodeURIComponent(user.uuid);
  const shape = userShape(links, user);
  return {
    ...shape,
    links: {
      ...(shape['links'] as JsonObject),
      ...hrefs({ repositories: links.api(`/repositories/${id}`) }),
    },
    created_on: user.created_on,
    account_status: 'active',
    is_staff: false,
  };
}

/** What an app is when it acts itself: no nickname (§5.5). */
export function appUserShape(links: Links, installation: Installation): JsonObject {
  const name = installation.descriptor['name'];
  const displayName = typeof name === 'string' ? name : installation.app_key;
  return appShape(links, installation.app_user_uuid, displayName, 'connect_app');
}

/** A consumer acting for itself, or an access token. */
export function accountShape(links: Links, app: AppAccount): JsonObject {
  return appShape(links, app.uuid, app.name, app.origin);
}

/** Which values `kind` has is not established. */
function appShape(links: Links, uuid: string, displayName: string, kind: string): JsonObject {
  return {
    display_name: displayName,
    links: hrefs({
      self: links.api(`/users/${encodeURIComponent(uuid)}`),
      avatar: links.avatar(displayName),
    }),
    type: 'app_user',
    uuid,
    account_id: `712020:${uuid.slice(1, -1)}`,
    account_status: 'active',
    kind,
  };
}

/** The workspace as the owner of its repositories. */
export function ownerShape(links: Links, workspace: Workspace): JsonObject {
  const id = encodeURIComponent(workspace.uuid);
  return {
    display_name: workspace.name,
    links: hrefs({
      self: links.api(`/workspaces/${id}`),
      avatar: links.avatar(workspace.name),
      html: links.html(`/${id}/`),
    }),
    type: 'team',
    uuid: workspace.uuid,
    username: workspace.slug,
  };
}

export function workspaceShape(links: Links, workspace: Workspace): JsonObject {
  return {
    type: 'workspace',
    uuid: workspace.uuid,
    name: workspace.name,
    slug: workspace.slug,
    links: hrefs({
      avatar: links.avatar(workspace.name),
      html: links.html(`/${workspace.slug}/`),
      self: links.api(`/workspaces/${workspace.slug}`),
    }),
  };
}

/** `GET /2.0/workspaces/{ws}`. */
export function fullWorkspaceShape(links: Links, workspace: Workspace): JsonObject {
  const self = links.api(`/workspaces/${workspace.slug}`);
  return {
    ...workspaceShape(links, workspace),
    links: hrefs({
      avatar: links.avatar(workspace.name),
      html: links.html(`/${workspace.slug}/`),
      members: `${self}/members`,
      owners: `${self}/members?q=permission%3D%22owner%22`,
      projects: `${self}/projects`,
      repositories: links.api(`/repositories/${workspace.slug}`),
      self,
    }),
    is_private: true,
    is_privacy_enforced: false,
    forking_mode: 'allow_forks',
    created_on: workspace.created_on,
  };
}
