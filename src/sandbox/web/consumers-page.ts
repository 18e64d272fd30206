import type { Reply } from '../http/exchange.js';
import type { OAuthConsumer } from '../state/model.js';
import type { WebCall } from './context.js';
import { html, type Html } from './html.js';
import { forbiddenPage, notFoundPage, renderPage } from './layout.js';
import { workspaceSettingsSide } from './settings-side.js';

/** *Workspace settings → OAuth consumers*. */
export function consumersPage(call: WebCall): Reply {
  const { world, viewer } = call;
  const workspace = world.state.workspace(call.params['workspace'] ?? '');
  if (!workspace) return notFoundPage(world, viewer);
  if (!viewer.user || workspace.members[viewer.user.uuid] !== 'owner') {
    return forbiddenPage(world, viewer, 'these settings');
  }
  const consumers = world.state.oauth.consumers.filter((c) => c.workspace_uuid === workspace.uuid);
  return renderPage(world, viewer, {
    title: 'OAuth consumers',
    side: workspaceSettingsSide(call, workspace, 'consumers'),
    main: html`<h1>OAuth consumers</h1>
      ${
        consumers.length === 0
          ? html`<p class="lead">None. Make one with <code>POST /_control/consumers</code>.</p>`
          : consumers.map(card)
      }`,
  });
}

function card(consumer: OAuthConsumer): Html {
  const rows: [string, string][] = [
    ['Key', consumer.key],
    ['Secret', consumer.secret],
    ['Callback URL', consumer.callback_url ?? 'none'],
    ['Permissions', consumer.scopes.join(' ')],
    ['Private consumer', consumer.is_private ? 'yes' : 'no'],
    ['Token backend', consumer.backend],
  ];
  return html`<section class="card consumer">
    <h2>${consumer.name}</h2>
    ${consumer.description && html`<p class="subtle">${consumer.description}</p>`}
    <dl>
      ${rows.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd class="mono">${value}</dd>`,
      )}
    </dl>
  </section>`;
}
