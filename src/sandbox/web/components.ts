import type { Commit } from '../git/commits.js';
import type { BuildStatus, Repository } from '../state/model.js';
import type { World } from '../world.js';
import { html, type Html } from './html.js';

export function picture(name: string, square = false): Html {
  const shape = square ? 'avatar square' : 'avatar';
  return html`<img class="${shape}" src="/_avatar/${encodeURIComponent(name)}" alt="" />`;
}

export function ago(world: World, ms: number): Html {
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}" title="${iso}">${distance(world.clock.now() - ms)}</time>`;
}

function distance(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return minutes === 1 ? '1 minute ago' : `${minutes} minutes ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return hours === 1 ? '1 hour ago' : `${hours} hours ago`;
  const days = Math.floor(hours / 24);
  return days === 1 ? 'yesterday' : `${days} days ago`;
}

export function author(world: World, commit: Commit): Html {
  const user = world.state.userByEmail(commit.author.email);
  const name = user?.display_name ?? commit.author.name;
  return html`<span class="person">${picture(name)} ${name}</span>`;
}

/** `{repository.full_name}` and `{commit}` in a status URL are filled when it is shown (§4.7). */
function statusUrl(world: World, repository: Repository, commit: string, url: string): string {
  return url
    .replaceAll('{repository.full_name}', world.state.fullName(repository))
    .replaceAll('{repository.uuid}', encodeURIComponent(repository.uuid))
    .replaceAll(/\{commit(\.hash)?\}/g, commit);
}

export function builds(world: World, repository: Repository, commit: string): Html {
  const { current } = world.state.statuses(repository, commit);
  if (current.length === 0) return html`<span class="subtle">No builds</span>`;
  const row = (status: BuildStatus) =>
    html`<li>
      <span class="lozenge ${status.state}">${status.state}</span>
      <a href="${statusUrl(world, repository, commit, status.url)}">${status.name ?? status.key}</a>
      ${status.description && html`<span class="subtle">${status.description}</span>`}
    </li>`;
  return html`<ul class="builds">
    ${current.map(row)}
  </ul>`;
}

export function subject(message: string): string {
  return message.split('\n')[0] ?? '';
}
