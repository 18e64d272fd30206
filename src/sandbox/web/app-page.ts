import type { Reply } from '../http/exchange.js';
import { crumbs, repositorySide, visibleRepository, type WebCall } from './context.js';
import { html } from './html.js';
import { notFoundPage, renderPage } from './layout.js';
import { chosenEntry, panel } from './settings-page.js';
import { pagesOf } from './settings-side.js';

/** A page that an app brings into a repository's own navigation (`repoPages`), for everybody who can read it. */
export function appPage(call: WebCall): Reply {
  const { world, viewer } = call;
  const repository = visibleRepository(call);
  // Pages of apps are for people who are signed in.
  if (!repository || !viewer.user) return notFoundPage(world, viewer);
  const entries = pagesOf(call, world.state.workspaceOf(repository), 'repoPages');
  const chosen = chosenEntry(call, entries);
  if (chosen === null || chosen === 'unknown') return notFoundPage(world, viewer);
  return renderPage(world, viewer, {
    title: chosen.module.name,
    side: repositorySide(call, repository, chosen),
    scripts: ['host'],
    main: html`${crumbs(call, repository)} ${panel(call, chosen, viewer.user, repository)}`,
  });
}
