import type { Delivery } from '../events/delivery.js';
import type { Reply } from '../http/exchange.js';
import { withoutBraces } from '../ids.js';
import type { Repository, Webhook } from '../state/model.js';
import { ago } from './components.js';
import { crumbs, isAdmin, visibleRepository, type WebCall } from './context.js';
import { html, type Html } from './html.js';
import { forbiddenPage, notFoundPage, renderPage } from './layout.js';
import { repositorySettingsSide } from './settings-side.js';

const shownRequests = 50;
/** Characters of an answer: often a whole page of HTML. */
const shownAnswer = 500;

/** *Repository settings → Webhooks*. */
export function webhooksPage(call: WebCall): Reply {
  return page(call, 'Webhooks', (repository) => {
    const hooks = call.world.state.hooksOf(repository.uuid);
    return html`<h1>Webhooks</h1>
      <p class="lead">${hooks.length} of 50. Events are sent to these addresses.</p>
      <div data-live>${hooks.length === 0 ? noHooks() : table(call, repository, hooks)}</div>`;
  });
}

/** *View requests* of one webhook: every delivery with its attempts, newest first. */
export function requestsPage(call: WebCall): Reply {
  const hook = call.world.state.hook(call.params['hook'] ?? '');
  const of = visibleRepository(call);
  if (!hook || hook.subject_uuid !== of?.uuid) return notFoundPage(call.world, call.viewer);
  return page(call, 'Webhook requests', (repository) => {
    const base = `/${call.world.state.fullName(repository)}/admin/webhooks`;
    const found = deliveriesOf(call, hook).reverse().slice(0, shownRequests);
    return html`<h1>${hook.description || 'Webhook'}</h1>
      <p class="lead"><span class="mono">${hook.url}</span></p>
      <p><a href="${base}">All webhooks</a></p>
      <h2>Requests</h2>
      <div data-live>
        ${
          found.length === 0
            ? html`<p class="subtle">Nothing was sent yet.</p>`
            : html`<ul class="cards">
                ${found.map((delivery) => request(call, delivery))}
              </ul>`
        }
      </div>`;
  });
}

function page(call: WebCall, title: string, main: (repository: Repository) => Html): Reply {
  const { world, viewer } = call;
  const repository = visibleRepository(call);
  if (!repository) return notFoundPage(world, viewer);
  if (!isAdmin(call, repository)) return forbiddenPage(world, viewer, 'these settings');
  return renderPage(world, viewer, {
    title,
    side: repositorySettingsSide(call, repository, 'webhooks'),
    scripts: ['live'],
    main: html`${crumbs(call, repository)} ${main(repository)}`,
  });
}

function noHooks(): Html {
  return html`<p class="subtle">None. Apps make them through the REST API.</p>`;
}

function table(call: WebCall, repository: Repository, hooks: readonly Webhook[]): Html {
  const base = `/${call.world.state.fullName(repository)}/admin/webhooks`;
  const rows = hooks.map((hook) => {
    const last = deliveriesOf(call, hook).at(-1);
    return html`<tr>
      <td class="message">
        <a href="${base}/${encodeURIComponent(hook.uuid)}">${hook.description || 'Webhook'}</a>
        <br /><span class="subtle mono">${hook.url}</span>
      </td>
      <td class="message">${hook.events.join(', ')}</td>
      <td class="tight">
        <span class="lozenge ${hook.active ? 'SUCCESSFUL' : ''}"
          >${hook.active ? 'Active' : 'Inactive'}</span
        >
        ${hook.secret === null && html`<span class="lozenge FAILED">No secret</span>`}
      </td>
      <td class="tight">${last ? outcome(last) : html`<span class="subtle">never</span>`}</td>
    </tr>`;
  });
  return html`<table class="hooks">
    <thead>
      <tr>
        <th scope="col">Title and address</th>
        <th scope="col">Events</th>
        <th scope="col">State</th>
        <th scope="col">Last request</th>
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

function deliveriesOf(call: WebCall, hook: Webhook): Delivery[] {
  const uuid = withoutBraces(hook.uuid);
  return call.world.deliverer.deliveries.filter((delivery) => delivery.hook_uuid === uuid);
}

function outcome(delivery: Delivery): Html {
  const last = delivery.attempts.at(-1);
  const text = last ? String(last.status ?? last.error) : delivery.state;
  const style =
    delivery.state === 'delivered' ? 'SUCCESSFUL' : delivery.state === 'failed' ? 'FAILED' : '';
  return html`<span class="lozenge ${style}">${text}</span>`;
}

function request(call: WebCall, delivery: Delivery): Html {
  const attempts = delivery.attempts.map(
    (attempt) =>
      html`<h3>
          Attempt ${attempt.number}: ${attempt.status ?? attempt.error} in ${attempt.duration_ms} ms
        </h3>
        <pre class="text mono">${headerLines(attempt.request_headers)}</pre>
        ${
          attempt.response_body &&
          html`<h3>Answer</h3>
            <pre class="text mono">${attempt.response_body.slice(0, shownAnswer)}</pre>`
        }`,
  );
  return html`<li>
    <span class="person">
      ${outcome(delivery)} <strong>${delivery.event}</strong>
      <span class="subtle">${ago(call.world, Date.parse(delivery.created_at))}</span>
      ${delivery.resend_of !== null && html`<span class="lozenge">Resent</span>`}
    </span>
    <details>
      <summary class="subtle mono">${delivery.request_uuid}</summary>
      ${attempts}
      <h3>Body, ${delivery.bytes} bytes</h3>
      <pre class="text mono">${delivery.body}</pre>
    </details>
  </li>`;
}

function headerLines(headers: Record<string, string>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
}
