import type { Reply } from '../http/exchange.js';
import type { Repository, Workspace } from '../state/model.js';
import { picture } from './components.js';
import type { WebCall } from './context.js';
import { html, type Html } from './html.js';
import { notFoundPage, renderPage } from './layout.js';

export function homePage(call: WebCall): Reply {
  return listPage(call, call.world.state.workspaces, 'Repositories');
}

export function workspacePage(call: WebCall): Reply {
  const workspace = call.world.state.workspace(call.params['workspace'] ?? '');
  if (!workspace) return notFoundPage(call.world, call.viewer);
  return listPage(call, [workspace], workspace.name);
}

function listPage(call: WebCall, workspaces: readonly Workspace[], title: string): Reply {
  const { world, viewer } = call;
  const empty = html`<div class="empty">
    <p>There is no workspace yet. Make one with <code>POST /_control/workspaces</code>.</p>
  </div>`;
  const main = html`<h1>${title}</h1>
    ${workspaces.length === 0 ? empty : workspaces.map((w) => workspaceCard(call, w))}`;
  return renderPage(world, viewer, { title, main });
}

function workspaceCard(call: WebCall, workspace: Workspace): Html {
  const { state } = call.world;
  const { user } = call.viewer;
  const visible = state.repositories.filter(
    (r) =>
      r.workspace_uuid === workspace.uuid &&
      (!r.is_private || (user !== undefined && state.allows(user, r, 'read'))),
  );
  const rows = visible.map((repository) => repositoryRow(call, repository));
  const configure =
    user && workspace.members[user.uuid] === 'owner'
      ? html`<a href="/${workspace.slug}/workspace/settings">Workspace settings</a>`
      : null;
  return html`<h2>${workspace.name} <span class="subtle">· ${workspace.slug}</span></h2>
    ${
      rows.length === 0
        ? html`<p class="subtle">No repositories that you can see.</p>`
        : html`<ul class="cards">
            ${rows}
          </ul>`
    }
    <p>${configure}</p>`;
}

function repositoryRow(call: WebCall, repository: Repository): Html {
  const fullName = call.world.state.fullName(repository);
  return html`<li>
    <span class="person">
      ${picture(repository.name, true)}
      <a href="/${fullName}"><strong>${repository.name}</strong></a>
      <span class="lozenge">${repository.is_private ? 'Private' : 'Public'}</span>
    </span>
    <span class="subtle">${repository.description || fullName}</span>
  </li>`;
}
