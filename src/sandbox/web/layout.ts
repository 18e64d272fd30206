import type { Reply } from '../http/exchange.js';
import type { User } from '../state/model.js';
import type { World } from '../world.js';
import { picture } from './components.js';
import { html, type Html } from './html.js';
import type { Viewer } from './viewer.js';

export interface Page {
  title: string;
  /** The left column; absent on pages without one. */
  side?: Html;
  main: Html;
  status?: number;
  /** Where forms of this page may lead, redirects included; usually there are none. */
  formAction?: string;
  scripts?: readonly ('host' | 'live')[];
}

const logo = html`<svg viewBox="0 0 24 24" aria-hidden="true">
  <path
    fill="currentColor"
    d="M2.6 3.5a.7.7 0 0 0-.7.8l2.9 16a.9.9 0 0 0 .9.7h12.8a.7.7 0 0 0 .7-.6l2.9-16.1a.7.7 0 0 0-.7-.8H2.6Zm11.5 11.6H10L8.900 9.300h6.200l-1 5.800Z"
  />
</svg>`;

export function renderPage(world: World, viewer: Viewer, page: Page): Reply {
  const scripts = (page.scripts ?? []).map(
    (name) => html`<script src="/_assets/${name}.js" defer></script>`,
  );
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${page.title} – Bitbucket sandbox</title>
        <link rel="stylesheet" href="/_assets/sandbox.css" />
        <link rel="icon" href="/_avatar/B" type="image/svg+xml" />
        ${scripts}
      </head>
      <body class="${page.side ? 'sided' : 'plain'}">
        <div class="banner">
          <strong>Sandbox: Bitbucket Cloud on this machine.</strong> Nothing here reaches
          bitbucket.org.
        </div>
        <header class="top">
          <a class="brand" href="/">${logo} Bitbucket sandbox</a>
          <span class="grow"></span>
          ${viewerMenu(world, viewer)}
        </header>
        ${
          page.side
            ? html`<div class="frame">
                <nav class="side" aria-label="Navigation">${page.side}</nav>
                <main>${page.main}</main>
              </div>`
            : html`<main>${page.main}</main>`
        }
      </body>
    </html> `;
  return {
    status: page.status ?? 200,
    headers: {
      ...pageHeaders,
      'Content-Security-Policy': contentPolicy(page.formAction ?? "'none'"),
      ...(viewer.cookie === null ? {} : { 'Set-Cookie': viewer.cookie }),
    },
    body: document.text,
  };
}

const pageHeaders = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  // The iframe's address holds a JWT.
  'Referrer-Policy': 'no-referrer',
};

function contentPolicy(formAction: string): string {
  return (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; " +
    `connect-src 'self'; frame-src http: https:; form-action ${formAction}; base-uri 'none'`
  );
}

function viewerMenu(world: World, viewer: Viewer): Html {
  if (!viewer.user) return html`<span class="subtle">There are no users yet</span>`;
  const current = viewer.user;
  const entries = world.state.users.map(
    (user) =>
      html`<li>
        <a href="${asUser(viewer, user)}" ${mark(user === current)}
          >${picture(user.display_name)} ${user.display_name}</a
        >
      </li>`,
  );
  return html`<details class="viewer">
    <summary>${picture(current.display_name)} Viewing as ${current.display_name}</summary>
    <ul>
      ${entries}
    </ul>
  </details>`;
}

function asUser(viewer: Viewer, user: User): string {
  const query = new URLSearchParams(viewer.query);
  query.set('as', user.nickname);
  return `?${query.toString()}`;
}

/** Attribute of the entry that is being looked at. */
export function mark(current: boolean): Html | false {
  return current && html`aria-current="page"`;
}

export function notFoundPage(world: World, viewer: Viewer): Reply {
  return renderPage(world, viewer, {
    title: 'Not found',
    status: 404,
    main: html`<div class="empty">
      <h1>We can’t let you see this page</h1>
      <p>To access this page, you may need to look as another user, or it does not exist.</p>
      <p><a href="/">All repositories</a></p>
    </div>`,
  });
}

export function forbiddenPage(world: World, viewer: Viewer, what: string): Reply {
  return renderPage(world, viewer, {
    title: 'Access denied',
    status: 403,
    main: html`<div class="empty">
      <h1>You do not have access to view this page</h1>
      <p>Only administrators can see ${what}. Choose another user at the top right.</p>
      <p><a href="/">All repositories</a></p>
    </div>`,
  });
}
