import { forgeEntries, forgePath } from '../forge/pages.js';
import type { Exchange } from '../http/exchange.js';
import type { Repository } from '../state/model.js';
import type { World } from '../world.js';
import { picture } from './components.js';
import { html, type Html } from './html.js';
import { mark } from './layout.js';
import { pagesOf, type Entry } from './settings-side.js';
import type { Viewer } from './viewer.js';

export interface WebCall {
  world: World;
  exchange: Exchange;
  viewer: Viewer;
  params: Record<string, string>;
}

/** The repository of the path, when the viewer may see it. */
export function visibleRepository(call: WebCall): Repository | undefined {
  const { world, viewer, params } = call;
  const found = world.state.repository(params['workspace'] ?? '', params['repository'] ?? '');
  if (!found) return undefined;
  const readable =
    !found.is_private || (viewer.user && world.state.allows(viewer.user, found, 'read'));
  return readable ? found : undefined;
}

export function isAdmin(call: WebCall, repository: Repository): boolean {
  const { user } = call.viewer;
  return user !== undefined && call.world.state.allows(user, repository, 'admin');
}

export type Section = 'source' | 'commits' | 'settings' | Entry;

/** The left column of a repository's pages. */
export function repositorySide(call: WebCall, repository: Repository, section: Section): Html {
  const base = `/${call.world.state.fullName(repository)}`;
  const entry = (name: string, text: string, path: string) =>
    html`<li><a href="${base}${path}" ${mark(name === section)}>${text}</a></li>`;
  const workspace = call.world.state.workspaceOf(repository);
  const apps = forgeEntries(call.world, workspace, 'bitbucket:repoMainMenuPage');
  const isChosen = ({ module }: Entry) =>
    typeof section !== 'string' && section.module.key === module.key;
  const pages = pagesOf(call, workspace, 'repoPages').map((one) => {
    const path = `addon/${encodeURIComponent(one.installation.app_key)}/${one.module.key}`;
    return html`<li>
      <a href="${base}/${path}" ${mark(isChosen(one))}>${one.module.name}</a>
    </li>`;
  });
  return html`<div class="title">${picture(repository.name, true)} ${repository.name}</div>
    <ul>
      ${entry('source', 'Source', '')} ${entry('commits', 'Commits', '/commits')} ${pages}
      ${isAdmin(call, repository) && entry('settings', 'Repository settings', '/admin')}
      ${apps.map((app) => html`<li><a href="${base}/${forgePath(app)}">${app.page.title}</a></li>`)}
    </ul>`;
}

export function crumbs(call: WebCall, repository: Repository): Html {
  const workspace = call.world.state.workspaceOf(repository);
  const fullName = call.world.state.fullName(repository);
  return html`<p class="crumbs">
    <a href="/${workspace.slug}/">${workspace.name}</a> /
    <a href="/${fullName}">${repository.name}</a>
  </p>`;
}
