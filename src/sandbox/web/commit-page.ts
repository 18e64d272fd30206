import { readCommit } from '../git/commits.js';
import { diffFiles, emptyTree, type FileChange } from '../git/diffstat.js';
import { findRef, resolveCommit } from '../git/refs.js';
import { emptyReply, type Reply } from '../http/exchange.js';
import { ago, author, builds, subject } from './components.js';
import { crumbs, repositorySide, visibleRepository, type WebCall } from './context.js';
import { html, type Html } from './html.js';
import { notFoundPage, renderPage } from './layout.js';

export async function commitPage(call: WebCall): Promise<Reply> {
  const { world, viewer } = call;
  const repository = visibleRepository(call);
  const hash =
    repository && (await resolveCommit(world.git, repository, call.params['commit'] ?? ''));
  if (!repository || !hash) return notFoundPage(world, viewer);
  const commit = await readCommit(world.git, repository, hash);
  const base = `/${world.state.fullName(repository)}/commits`;
  const files = await diffFiles(
    world.git,
    repository,
    commit.parents[0] ?? emptyTree,
    commit.hash,
    { renames: true },
  );
  const parents = commit.parents.map(
    (parent) => html`<a class="mono" href="${base}/${parent}">${parent.slice(0, 7)}</a> `,
  );
  return renderPage(world, viewer, {
    title: `${commit.hash.slice(0, 7)} ${subject(commit.message)}`,
    side: repositorySide(call, repository, 'commits'),
    scripts: ['live'],
    main: html`${crumbs(call, repository)}
      <h1>${subject(commit.message)}</h1>
      <p class="person lead">${author(world, commit)} ${ago(world, commit.date)}</p>
      <pre class="text">${commit.message.split('\n').slice(1).join('\n').trim()}</pre>
      <p class="lead">
        Commit <code>${commit.hash}</code>
        ${parents.length > 0 && html`<br />Parent ${parents}`}
      </p>
      <div data-live>
        <h2>Builds</h2>
        ${builds(world, repository, commit.hash)}
      </div>
      <h2>Files changed (${files.length})</h2>
      ${fileTable(files)}`,
  });
}

function fileTable(files: readonly FileChange[]): Html {
  const rows = files.map(
    (file) =>
      html`<tr>
        <td class="tight"><span class="lozenge ${file.status}">${file.status}</span></td>
        <td class="message">${file.newPath ?? file.oldPath}</td>
        <td class="tight mono">+${file.added} −${file.removed}</td>
      </tr>`,
  );
  return html`<table>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

/** `commits/tag/{name}`, which payload links point to. */
export async function tagPage(call: WebCall): Promise<Reply> {
  const { world, viewer } = call;
  const repository = visibleRepository(call);
  const tag = repository && (await findRef(world.git, repository, 'tag', call.params['tag'] ?? ''));
  if (!repository || !tag) return notFoundPage(world, viewer);
  const location = `/${world.state.fullName(repository)}/commits/${tag.commit}`;
  return emptyReply(302, { Location: location });
}
