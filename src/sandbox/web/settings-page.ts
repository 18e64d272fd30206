import { panelUrl } from '../connect/panel-url.js';
import type { Reply } from '../http/exchange.js';
import { textOf } from '../json.js';
import type { Repository, User, Workspace } from '../state/model.js';
import {
  pagesOf,
  repositorySettingsSide,
  workspaceSettingsSide,
  type Entry,
} from './settings-side.js';
import { crumbs, isAdmin, visibleRepository, type WebCall } from './context.js';
import { picture } from './components.js';
import { html, type Html } from './html.js';
import { forbiddenPage, notFoundPage, renderPage } from './layout.js';

/** *Repository settings*, with an entry for every admin page that an app brings. */
export function settingsPage(call: WebCall): Reply {
  const { world, viewer } = call;
  const repository = visibleRepository(call);
  if (!repository) return notFoundPage(world, viewer);
  const { user } = viewer;
  if (!user || !isAdmin(call, repository)) return forbiddenPage(world, viewer, 'these settings');
  const workspace = world.state.workspaceOf(repository);
  const entries = pagesOf(call, workspace, 'adminPages');
  const chosen = chosenEntry(call, entries);
  if (chosen === 'unknown') return notFoundPage(world, viewer);
  return renderPage(world, viewer, {
    title: chosen ? chosen.module.name : 'Repository settings',
    side: repositorySettingsSide(call, repository, chosen ?? 'details'),
    scripts: chosen ? ['host'] : [],
    main: html`${crumbs(call, repository)}
    ${chosen ? panel(call, chosen, user, repository) : repositoryDetails(call, repository)}`,
  });
}

/** *Workspace settings*, where `configurePage` lives. */
export function workspaceSettingsPage(call: WebCall): Reply {
  const { world, viewer } = call;
  const workspace = world.state.workspace(call.params['workspace'] ?? '');
  if (!workspace) return notFoundPage(world, viewer);
  const { user } = viewer;
  if (!user || workspace.members[user.uuid] !== 'owner') {
    return forbiddenPage(world, viewer, 'these settings');
  }
  const entries = pagesOf(call, workspace, 'configurePage');
  const chosen = chosenEntry(call, entries);
  if (chosen === 'unknown') return notFoundPage(world, viewer);
  return renderPage(world, viewer, {
    title: chosen ? chosen.module.name : 'Workspace settings',
    side: workspaceSettingsSide(call, workspace, chosen ?? 'details'),
    scripts: chosen ? ['host'] : [],
    main: chosen ? panel(call, chosen, user) : workspaceDetails(call, workspace),
  });
}

export function chosenEntry(call: WebCall, entries: readonly Entry[]): Entry | null | 'unknown' {
  const { app, module } = call.params;
  if (app === undefined) return null;
  const found = entries.find((e) => e.installation.app_key === app && e.module.key === module);
  return found ?? 'unknown';
}

/** No `sandbox` attribute, as at Bitbucket; the app's own headers decide what it may do. */
export function panel(call: WebCall, entry: Entry, user: User, repository?: Repository): Html {
  const view = { ...entry, user, ...(repository ? { repository } : {}) };
  return html`<iframe
    class="panel"
    title="${entry.module.name}"
    src="${panelUrl(call.world, view)}"
  ></iframe>`;
}

function repositoryDetails(call: WebCall, repository: Repository): Html {
  const { state } = call.world;
  const people = state.users.flatMap((user) => {
    const permission = state.permission(user, repository);
    return permission
      ? html`<tr>
          <td><span class="person">${picture(user.display_name)} ${user.display_name}</span></td>
          <td class="tight">${permission}</td>
        </tr>`
      : [];
  });
  return html`<h1>Repository details</h1>
    <p class="lead">
      ${state.fullName(repository)} · ${repository.is_private ? 'private' : 'public'} ·
      <code>${repository.uuid}</code>
    </p>
    <h2>Access</h2>
    <table>
      <tbody>
        ${people}
      </tbody>
    </table>`;
}

function workspaceDetails(call: WebCall, workspace: Workspace): Html {
  const installed = call.world.state.installations.filter(
    (i) => i.workspace_uuid === workspace.uuid && i.active,
  );
  return html`<h1>${workspace.name}</h1>
    <p class="lead">${workspace.slug} · <code>${workspace.uuid}</code></p>
    <h2>Installed apps</h2>
    ${
      installed.length === 0
        ? html`<p class="subtle">
            None. Install one with <code>POST /_control/apps/install</code>.
          </p>`
        : html`<ul class="cards">
            ${installed.map(
              (i) =>
                html`<li>
                  ${textOf(i.descriptor['name'])} <span class="subtle">${i.app_key}</span>
                </li>`,
            )}
          </ul>`
    }`;
}
