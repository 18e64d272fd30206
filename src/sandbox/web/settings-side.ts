import { pageModules, type PageModule } from '../connect/descriptor.js';
import { forgeEntries, forgeMenu, type ForgeEntry } from '../forge/pages.js';
import { textOf } from '../json.js';
import type { Installation, Repository, Workspace } from '../state/model.js';
import { picture } from './components.js';
import type { WebCall } from './context.js';
import { html, type Html } from './html.js';
import { mark } from './layout.js';

/** A page that an app brings into the settings. */
export interface Entry {
  installation: Installation;
  module: PageModule;
}

type Section = 'details' | 'webhooks' | 'consumers' | Entry | ForgeEntry;

/** The left column of *Repository settings*. */
export function repositorySettingsSide(
  call: WebCall,
  repository: Repository,
  section: Section,
): Html {
  const base = `/${call.world.state.fullName(repository)}/admin`;
  const workspace = call.world.state.workspaceOf(repository);
  return html`<div class="title">${picture(repository.name, true)} Repository settings</div>
    <h2>General</h2>
    <ul>
      ${link(base, 'Details', section === 'details')}
    </ul>
    <h2>Workflow</h2>
    <ul>
      ${link(`${base}/webhooks`, 'Webhooks', section === 'webhooks')}
    </ul>
    ${apps(base, pagesOf(call, workspace, 'adminPages'), section)}
    ${forgeMenu(forgeEntries(call.world, workspace, 'bitbucket:repoSettingsMenuPage'), base, section)}`;
}

/** The left column of *Workspace settings*, where `configurePage` lives. */
export function workspaceSettingsSide(call: WebCall, workspace: Workspace, section: Section): Html {
  const base = `/${workspace.slug}/workspace/settings`;
  return html`<div class="title">${picture(workspace.name, true)} Workspace settings</div>
    <h2>General</h2>
    <ul>
      ${link(base, 'Details', section === 'details')}
    </ul>
    <h2>Apps and features</h2>
    <ul>
      ${link(`${base}/oauth-consumers`, 'OAuth consumers', section === 'consumers')}
    </ul>
    ${apps(base, pagesOf(call, workspace, 'configurePage'), section)}
    ${forgeMenu(forgeEntries(call.world, workspace, 'bitbucket:workspaceSettingsMenuPage'), base, section)}`;
}

export function pagesOf(call: WebCall, workspace: Workspace, kind: string): Entry[] {
  return call.world.state.installations
    .filter((i) => i.active && i.workspace_uuid === workspace.uuid)
    .flatMap((installation) =>
      pageModules(installation.descriptor)
        .filter((module) => module.kind === kind)
        .map((module) => ({ installation, module })),
    );
}

function apps(base: string, entries: readonly Entry[], section: Section): Html {
  const isChosen = ({ installation, module }: Entry) =>
    typeof section !== 'string' &&
    'module' in section &&
    section.installation.app_key === installation.app_key &&
    section.module.key === module.key;
  const rows = entries.map((entry) => {
    const { installation, module } = entry;
    const path = `addon/admin/${encodeURIComponent(installation.app_key)}/${module.key}`;
    return link(`${base}/${path}`, label(installation, module), isChosen(entry));
  });
  return html`<h2>Apps</h2>
    <ul>
      ${rows.length === 0 ? html`<li class="subtle">None installed</li>` : rows}
    </ul>`;
}

function link(href: string, text: string, current: boolean): Html {
  return html`<li><a href="${href}" ${mark(current)}>${text}</a></li>`;
}

function label(installation: Installation, module: PageModule): string {
  if (module.kind !== 'configurePage') return module.name;
  return `${textOf(installation.descriptor['name'])}: ${module.name}`;
}
