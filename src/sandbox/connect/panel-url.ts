import type { Installation, Repository, User, Workspace } from '../state/model.js';
import type { World } from '../world.js';
import type { PageModule } from './descriptor.js';
import { appUrl, bitbucketJwt } from './sign-request.js';
import { expandUrl } from './url-template.js';

export interface PanelView {
  installation: Installation;
  module: PageModule;
  user: User;
  /** Absent on workspace pages such as `configurePage`. */
  repository?: Repository;
}

/** The iframe address as Bitbucket writes it: template expanded, host parameters, signed (§7). */
export function panelUrl(world: World, view: PanelView): string {
  const { installation, module, user, repository } = view;
  const workspace = workspaceOf(world, view);
  const variables = {
    user: userVariables(user),
    workspace: workspaceVariables(workspace),
    target_user: workspaceVariables(workspace),
    principal: workspaceVariables(workspace),
    ...(repository ? { repository: repositoryVariables(world, repository, workspace) } : {}),
  };
  const url = appUrl(installation, expandUrl(module.url, variables, installation.scopes));
  const host = new URLSearchParams({
    xdm_e: world.links.origin,
    xdm_c: `channel-${module.key}`,
    cp: '',
  });
  const unsigned = `${url}${url.includes('?') ? '&' : '?'}${host.toString()}`;
  const jwt = bitbucketJwt(world, installation, {
    method: 'GET',
    url: unsigned,
    secret: installation.secret,
    ...subject(world, user),
  });
  return `${unsigned}&jwt=${jwt}`;
}

function workspaceOf(world: World, view: PanelView): Workspace {
  const found = world.state.workspace(view.installation.workspace_uuid);
  if (!found) throw new Error('an installation lost its workspace');
  return found;
}

function subject(world: World, user: User): { subject?: string } {
  const kind = world.state.settings.jwt_sub;
  if (kind === 'none') return {};
  return { subject: kind === 'uuid' ? user.uuid : user.account_id };
}

type Variables = Record<string, string>;

function userVariables(user: User): Variables {
  const { uuid, account_id, nickname, display_name } = user;
  return { uuid, account_id, nickname, display_name };
}

function workspaceVariables(workspace: Workspace): Variables {
  const { uuid, slug, name } = workspace;
  return { uuid, slug, name, username: slug, display_name: name };
}

function repositoryVariables(
  world: World,
  repository: Repository,
  workspace: Workspace,
): Variables {
  const { uuid, name, slug } = repository;
  const full_name = world.state.fullName(repository);
  return {
    uuid,
    name,
    slug,
    full_name,
    'owner.uuid': workspace.uuid,
    'workspace.uuid': workspace.uuid,
    'workspace.slug': workspace.slug,
  };
}
