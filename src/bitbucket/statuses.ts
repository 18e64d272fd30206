import type { Repository } from '../core/model/index.js';
import type { BuildStatus } from '../core/ports.js';
import { apiPath, type Rest } from './rest.js';

const maxKeyLength = 40;
const maxTextLength = 255;

/**
 * `POST …/statuses/build`: the same key again overwrites, so it may be repeated (reference/bitbucket-api.md §4.7).
 *
 * @throws RangeError for a key above 40 characters: a mistake of ours, which Bitbucket would answer with 400
 */
export async function setBuildStatus(
  rest: Rest,
  repository: Repository,
  commit: string,
  status: BuildStatus,
): Promise<void> {
  if (status.key === '' || status.key.length > maxKeyLength) {
    throw new RangeError(`A build status key has 1 to ${maxKeyLength} characters.`);
  }
  const { workspaceUuid, uuid } = repository;
  await rest.send({
    what: 'set build status',
    method: 'POST',
    workspaceUuid,
    repositoryUuid: uuid,
    path: apiPath(['repositories', workspaceUuid, uuid, 'commit', commit, 'statuses', 'build']),
    body: {
      key: status.key,
      state: status.state,
      name: cut(status.name),
      description: cut(status.description),
      url: status.url,
      // Needed for the status to count on a pull request; Bitbucket takes branches only here.
      ...(status.refName === null ? {} : { refname: status.refName }),
    },
  });
}

function cut(text: string): string {
  const characters = [...text];
  // Counted in UTF-16 units, the stricter reading of "255 characters", without splitting a character.
  if (text.length <= maxTextLength) return text;
  let kept = '';
  for (const character of characters) {
    if (kept.length + character.length > maxTextLength - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
