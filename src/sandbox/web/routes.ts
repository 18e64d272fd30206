import {
  forgeRepositoryPage,
  forgeRepositorySettings,
  forgeWorkspaceSettings,
} from '../forge/pages.js';
import { forgeHostScript } from '../forge/scripts.js';
import { type Exchange, type Reply } from '../http/exchange.js';
import { Router } from '../http/router.js';
import type { World } from '../world.js';
import { avatar } from './assets/avatar.js';
import { allJs, hostScript, liveScript } from './assets/scripts.js';
import { style } from './assets/style.js';
import { appPage } from './app-page.js';
import { answerAuthorize, authorizePage } from './authorize-page.js';
import { commitPage, tagPage } from './commit-page.js';
import type { WebCall } from './context.js';
import { consumersPage } from './consumers-page.js';
import { homePage, workspacePage } from './home-page.js';
import { notFoundPage } from './layout.js';
import { commitsPage, repositoryPage } from './repository-page.js';
import { settingsPage, workspaceSettingsPage } from './settings-page.js';
import { requestsPage, webhooksPage } from './webhooks-page.js';
import { viewerOf } from './viewer.js';

type WebHandler = (call: WebCall) => Promise<Reply> | Reply;

const repository = '/:workspace/:repository';
const addon = 'addon/admin/:app/:module';
const forge = 'forge/:app/:environment/:module';

const pages: [string, WebHandler][] = [
  ['/', homePage],
  ['/_assets/sandbox.css', () => asset('text/css', style)],
  ['/_assets/host.js', () => asset('text/javascript', hostScript)],
  ['/_assets/live.js', () => asset('text/javascript', liveScript)],
  ['/_assets/forge.js', () => asset('text/javascript', forgeHostScript)],
  ['/atlassian-connect/all.js', () => asset('text/javascript', allJs)],
  ['/atlassian-connect/all-debug.js', () => asset('text/javascript', allJs)],
  ['/_avatar/:name', (call) => asset('image/svg+xml', avatar(call.params['name'] ?? ''))],
  ['/site/oauth2/authorize', authorizePage],
  ['/:workspace/', workspacePage],
  ['/:workspace', workspacePage],
  ['/:workspace/workspace/settings', workspaceSettingsPage],
  [`/:workspace/workspace/settings/${addon}`, workspaceSettingsPage],
  ['/:workspace/workspace/settings/oauth-consumers', consumersPage],
  [`/:workspace/workspace/settings/${forge}`, forgeWorkspaceSettings],
  [repository, repositoryPage],
  [`${repository}/`, repositoryPage],
  [`${repository}/src`, repositoryPage],
  [`${repository}/commits`, commitsPage],
  [`${repository}/commits/`, commitsPage],
  [`${repository}/branch/*branch`, commitsPage],
  [`${repository}/commits/branch/*branch`, commitsPage],
  [`${repository}/commits/tag/*tag`, tagPage],
  [`${repository}/commits/:commit`, commitPage],
  [`${repository}/admin`, settingsPage],
  [`${repository}/admin/${addon}`, settingsPage],
  [`${repository}/admin/webhooks`, webhooksPage],
  [`${repository}/admin/webhooks/:hook`, requestsPage],
  [`${repository}/admin/${forge}`, forgeRepositorySettings],
  [`${repository}/addon/:app/:module`, appPage],
  [`${repository}/${forge}`, forgeRepositoryPage],
];

const router = new Router<WebHandler>([
  { method: 'POST', pattern: '/site/oauth2/authorize', handler: answerAuthorize },
  ...pages.map(([pattern, handler]) => ({ method: 'GET', pattern, handler })),
]);

/** bitbucket.org's own pages, as far as people need them here. */
export async function webPages(world: World, exchange: Exchange): Promise<Reply> {
  const viewer = viewerOf(world, exchange);
  const found = router.find(exchange.method, exchange.path);
  if (found === null || Array.isArray(found)) return notFoundPage(world, viewer);
  return found.route.handler({ world, exchange, viewer, params: found.params });
}

function asset(contentType: string, body: string): Reply {
  const headers = {
    'Content-Type': `${contentType}; charset=utf-8`,
    'Cache-Control': 'no-cache',
    'X-Content-Type-Options': 'nosniff',
  };
  return { status: 200, headers, body };
}
