import { listCommits, type Commit } from '../git/commits.js';
import { findRef, listRefs, mainBranch, type Ref } from '../git/refs.js';
import { encodePath } from '../http/router.js';
import type { Reply } from '../http/exchange.js';
import type { Repository } from '../state/model.js';
import { ago, author, builds, subject } from './components.js';
import { crumbs, repositorySide, visibleRepository, type WebCall } from './context.js';
import { html, type Html } from './html.js';
import { notFoundPage, renderPage } from './layout.js';

const shownCommits = 30;

/** Clone address, latest commits of the main branch with their builds, branches and tags. */
export async function repositoryPage(call: WebCall): Promise<Reply> {
  const { world, viewer } = call;
  const repository = visibleRepository(call);
  if (!repository) return notFoundPage(world, viewer);
  const refs = await listRefs(world.git, repository);
  const main = await mainBranch(world.git, repository);
  const shown = main ?? refs.find((ref) => ref.type === 'branch');
  const contents = shown
    ? html`${await commitBlock(call, repository, shown)} ${refBlock(call, repository, refs, main)}`
    : emptyRepository();
  return renderPage(world, viewer, {
    title: repository.name,
    side: repositorySide(call, repository, 'source'),
    scripts: ['live'],
    main: html`${crumbs(call, repository)}
      <h1>${repository.name}</h1>
      ${repository.description && html`<p class="lead">${repository.description}</p>`}
      ${cloneBlock(call, repository)}
      <div data-live>${contents}</div>`,
  });
}

/** The commits of one branch, or of the main branch. */
export async function commitsPage(call: WebCall): Promise<Reply> {
  const { world, viewer } = call;
  const repository = visibleRepository(call);
  if (!repository) return notFoundPage(world, viewer);
  const wanted = call.params['branch'];
  const branch =
    wanted === undefined
      ? await mainBranch(world.git, repository)
      : await findRef(world.git, repository, 'branch', wanted);
  if (!branch && wanted !== undefined) return notFoundPage(world, viewer);
  return renderPage(world, viewer, {
    title: 'Commits',
    side: repositorySide(call, repository, 'commits'),
    scripts: ['live'],
    main: html`${crumbs(call, repository)}
      <h1>Commits</h1>
      <div data-live>
        ${branch ? await commitBlock(call, repository, branch) : emptyRepository()}
      </div>`,
  });
}

async function commitBlock(call: WebCall, repository: Repository, branch: Ref): Promise<Html> {
  const query = { include: [branch.commit], limit: shownCommits };
  const commits = await listCommits(call.world.git, repository, query);
  return html`<h2>Latest commits on <span class="branch">${branch.name}</span></h2>
    ${commitTable(call, repository, commits)}`;
}

function cloneBlock(call: WebCall, repository: Repository): Html {
  const { host } = new URL(call.world.links.origin);
  const name = call.viewer.user ? `${encodeURIComponent(call.viewer.user.nickname)}@` : '';
  const url = `http://${name}${host}/${call.world.state.fullName(repository)}.git`;
  return html`<h2>Clone this repository</h2>
    <code class="clone">git clone ${url}</code>
    ${passwordHint(call)}`;
}

/** A person needs a password for git; this is a sandbox, so the page simply says it. */
function passwordHint(call: WebCall): Html | null {
  const { user } = call.viewer;
  if (!user) return null;
  return html`<p class="lead">Password of ${user.nickname}: <code>${user.git_password}</code></p>`;
}

function emptyRepository(): Html {
  return html`<div class="card">
    <h2>This repository is empty</h2>
    <p>Clone it, commit something, and push: the first branch becomes the main branch.</p>
  </div>`;
}

export function commitTable(
  call: WebCall,
  repository: Repository,
  commits: readonly Commit[],
): Html {
  const { world } = call;
  const base = `/${world.state.fullName(repository)}/commits`;
  const rows = commits.map(
    (commit) =>
      html`<tr>
        <td class="tight">${author(world, commit)}</td>
        <td class="tight">
          <a class="mono" href="${base}/${commit.hash}">${commit.hash.slice(0, 7)}</a>
        </td>
        <td class="message">${subject(commit.message)}</td>
        <td class="tight subtle">${ago(world, commit.date)}</td>
        <td>${builds(world, repository, commit.hash)}</td>
      </tr>`,
  );
  return html`<table class="commits">
    <thead>
      <tr>
        <th scope="col">Author</th>
        <th scope="col">Commit</th>
        <th scope="col">Message</th>
        <th scope="col">Date</th>
        <th scope="col">Builds</th>
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

function refBlock(
  call: WebCall,
  repository: Repository,
  refs: readonly Ref[],
  main: Ref | undefined,
): Html {
  const base = `/${call.world.state.fullName(repository)}`;
  const row = (ref: Ref) => {
    const path = ref.type === 'branch' ? `branch/${encodePath(ref.name)}` : `commits/${ref.commit}`;
    const isMain = ref.type === 'branch' && ref.name === main?.name;
    return html`<tr>
      <td class="message">
        <a href="${base}/${path}">${ref.name}</a>
        ${isMain && html`<span class="lozenge">Main</span>`}
      </td>
      <td class="tight">
        <a class="mono" href="${base}/commits/${ref.commit}">${ref.commit.slice(0, 7)}</a>
      </td>
    </tr>`;
  };
  const table = (type: Ref['type']) => {
    const rows = refs.filter((ref) => ref.type === type).map(row);
    if (rows.length === 0) return html`<p class="subtle">None.</p>`;
    return html`<table>
      <tbody>
        ${rows}
      </tbody>
    </table>`;
  };
  return html`<h2>Branches</h2>
    ${table('branch')}
    <h2>Tags</h2>
    ${table('tag')}`;
}
