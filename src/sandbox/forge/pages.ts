import type { Reply } from '../http/exchange.js';
import type { Repository, Workspace } from '../state/model.js';
import type { World } from '../world.js';
import {
  crumbs,
  isAdmin,
  repositorySide,
  visibleRepository,
  type WebCall,
} from '../web/context.js';
import { html, type Html } from '../web/html.js';
import { forbiddenPage, mark, notFoundPage, renderPage } from '../web/layout.js';
import { repositorySettingsSide, workspaceSettingsSide } from '../web/settings-side.js';
import { pageContext, type Visit } from './invocation-token.js';
import { pagesOf, type PageKind, type PageModule } from './manifest.js';
import type { ForgeInstallation } from './model.js';

export interface ForgeEntry {
  installation: ForgeInstallation;
  page: PageModule;
}

/** The pages of one kind that the apps of a workspace bring. */
export function forgeEntries(world: World, workspace: Workspace, kind: PageKind): ForgeEntry[] {
  return world.state.forgeInstallations
    .filter((one) => one.active && one.workspace_uuid === workspace.uuid)
    .flatMap((installation) =>
      pagesOf(installation.manifest)
        .filter((page) => page.kind === kind)
        .map((page) => ({ installation, page })),
    );
}

/** Address of a page below its place (bitbucket-forge §1.1). */
export function forgePath({ installation, page }: ForgeEntry): string {
  return `forge/${installation.app_id}/${installation.environment_id}/${page.key}`;
}

/** Entries of the left column: "Forge apps". */
export function forgeMenu(entries: readonly ForgeEntry[], base: string, chosen: unknown): Html {
  if (entries.length === 0) return html``;
  const key = isEntry(chosen) ? chosen.page.key : null;
  const rows = entries.map((entry) => {
    const current = key === entry.page.key;
    return html`<li>
      <a href="${base}/${forgePath(entry)}" ${mark(current)}>${entry.page.title}</a>
    </li>`;
  });
  return html`<h2>Forge apps</h2>
    <ul>
      ${rows}
    </ul>`;
}

function isEntry(chosen: unknown): chosen is ForgeEntry {
  return typeof chosen === 'object' && chosen !== null && 'page' in chosen;
}

/** A repository's own page of an app, for everybody who may see the repository. */
export function forgeRepositoryPage(call: WebCall): Reply {
  return repositoryPage(call, {
    kind: 'bitbucket:repoMainMenuPage',
    below: '',
    mayOpen: () => true,
    side: (repository) => repositorySide(call, repository, 'source'),
  });
}

export function forgeRepositorySettings(call: WebCall): Reply {
  return repositoryPage(call, {
    kind: 'bitbucket:repoSettingsMenuPage',
    below: '/admin',
    mayOpen: (repository) => isAdmin(call, repository),
    side: (repository, chosen) => repositorySettingsSide(call, repository, chosen),
  });
}

interface RepositoryPlace {
  kind: PageKind;
  below: string;
  mayOpen: (repository: Repository) => boolean;
  side: (repository: Repository, chosen: ForgeEntry) => Html;
}

function repositoryPage(call: WebCall, place: RepositoryPlace): Reply {
  const { world, viewer } = call;
  const repository = visibleRepository(call);
  if (!repository) return notFoundPage(world, viewer);
  if (!place.mayOpen(repository)) return forbiddenPage(world, viewer, 'these settings');
  return hosted(call, {
    workspace: world.state.workspaceOf(repository),
    repository,
    kind: place.kind,
    base: `/${world.state.fullName(repository)}${place.below}`,
    side: (chosen) => place.side(repository, chosen),
    top: crumbs(call, repository),
  });
}

export function forgeWorkspaceSettings(call: WebCall): Reply {
  const { world, viewer } = call;
  const workspace = world.state.workspace(call.params['workspace'] ?? '');
  if (!workspace) return notFoundPage(world, viewer);
  if (!viewer.user || workspace.members[viewer.user.uuid] !== 'owner') {
    return forbiddenPage(world, viewer, 'these settings');
  }
  const base = `/${workspace.slug}/workspace/settings`;
  const side = (chosen: ForgeEntry) => workspaceSettingsSide(call, workspace, chosen);
  const kind = 'bitbucket:workspaceSettingsMenuPage';
  return hosted(call, { workspace, repository: null, kind, base, side, top: html`` });
}

interface Place {
  workspace: Workspace;
  repository: Repository | null;
  kind: PageKind;
  base: string;
  side: (chosen: ForgeEntry) => Html;
  top: Html;
}

function hosted(call: WebCall, place: Place): Reply {
  const { world, viewer, params } = call;
  const entries = forgeEntries(world, place.workspace, place.kind);
  const chosen = entries.find(
    ({ installation, page }) =>
      installation.app_id === params['app'] &&
      installation.environment_id === params['environment'] &&
      page.key === params['module'],
  );
  // Anonymous people never see Forge apps.
  if (!chosen || !viewer.user) return notFoundPage(world, viewer);
  const location = `${world.links.origin}${place.base}/${forgePath(chosen)}`;
  const visit = { ...chosen, user: viewer.user, repository: place.repository, location };
  return renderPage(world, viewer, {
    title: chosen.page.title,
    side: place.side(chosen),
    main: html`${place.top}${frame(world, visit)}`,
  });
}

/** The sandbox flags that Forge sets (§6.2): no popups, no navigation of the page around it. */
const allowed =
  'allow-downloads allow-forms allow-modals allow-pointer-lock allow-same-origin allow-scripts';

function frame(world: World, visit: Visit): Html {
  const { installation, page } = visit;
  // `localhost`, while Bitbucket is 127.0.0.1: another origin, as the CDN is.
  const cdn = world.links.origin.replace('127.0.0.1', 'localhost');
  return html`<script src="/_assets/forge.js"></script>
    <iframe
      class="panel forge"
      title="${page.title}"
      sandbox="${allowed}"
      data-session="${world.forge.openVisit(visit)}"
      data-context="${JSON.stringify(bridgeContext(visit))}"
      src="${cdn}/_forge/cdn/${installation.id}/${page.resource}/index.html"
    ></iframe>`;
}

function bridgeContext(visit: Visit): object {
  return {
    ...pageContext(visit),
    accountId: visit.user.account_id,
    locale: 'en-US',
    timezone: 'UTC',
    license: null,
  };
}
