import { emptyReply, type Reply } from '../http/exchange.js';
import {
  allow,
  AuthorizeError,
  readAuthorization,
  refuse,
  type AuthorizationRequest,
} from '../oauth/authorize.js';
import { scopeTexts } from '../oauth/scopes.js';
import type { User } from '../state/model.js';
import { picture } from './components.js';
import type { WebCall } from './context.js';
import { html, type Html } from './html.js';
import { renderPage } from './layout.js';

/** `GET /site/oauth2/authorize`: asks whoever is signed in (bitbucket-api §1.2). */
export function authorizePage(call: WebCall): Reply {
  const { world, exchange, viewer } = call;
  let request: AuthorizationRequest | URL;
  try {
    request = readAuthorization(world, exchange.query);
  } catch (error) {
    if (error instanceof AuthorizeError) return errorPage(call, error.message);
    throw error;
  }
  if (request instanceof URL) return emptyReply(302, { Location: request.href });
  if (!viewer.user) return errorPage(call, 'Nobody is signed in');
  const id = world.authorizations.add(request, viewer.user);
  return renderPage(world, viewer, {
    title: 'Confirm access to your account',
    main: question(call, request, viewer.user, id),
    // Browsers apply it to the redirect after the form, too.
    formAction: `'self' ${request.callback.origin}`,
  });
}

/** The form's answer. */
export async function answerAuthorize(call: WebCall): Promise<Reply> {
  const { world, exchange, viewer } = call;
  const form = (await exchange.form()) ?? new URLSearchParams();
  const request = world.authorizations.take(form.get('request') ?? '', viewer.user);
  if (!request || !viewer.user) return errorPage(call, 'This page is out of date');
  const granted = form.get('decision') === 'grant';
  const target = granted ? allow(world, request, viewer.user) : refuse(request);
  return emptyReply(302, { Location: target.href, 'Cache-Control': 'no-store' });
}

function question(call: WebCall, request: AuthorizationRequest, user: User, id: string): Html {
  const { consumer, callback } = request;
  const workspace = call.world.state.workspace(consumer.workspace_uuid);
  const scopes = consumer.scopes.map(
    (scope) =>
      html`<li>${scopeTexts[scope] ?? scope} <span class="subtle mono">${scope}</span></li>`,
  );
  return html`<form class="card ask" method="post" action="/site/oauth2/authorize">
    <h1>Confirm access to your account</h1>
    <p class="lead">
      <strong>${consumer.name}</strong> by ${workspace?.name ?? 'an unknown workspace'} is
      requesting access to the following:
    </p>
    <ul class="scopes">
      ${scopes}
    </ul>
    ${consumer.description && html`<p>${consumer.description}</p>`}
    <p class="person">
      ${picture(user.display_name)} Signed in as <strong>${user.display_name}</strong>
    </p>
    <p class="subtle">
      You will be sent to <span class="mono">${callback.origin}</span>. You can take this access
      back at any time.
    </p>
    <input type="hidden" name="request" value="${id}" />
    <p class="buttons">
      <button class="primary" name="decision" value="grant">Grant access</button>
      <button name="decision" value="deny">Deny</button>
    </p>
  </form>`;
}

/** No redirect: the address that the client gave is what cannot be trusted. */
function errorPage(call: WebCall, title: string): Reply {
  return renderPage(call.world, call.viewer, {
    title,
    status: 400,
    main: html`<div class="empty">
      <h1>${title}</h1>
      <p>This integration is misconfigured. Contact the vendor for assistance.</p>
    </div>`,
  });
}
