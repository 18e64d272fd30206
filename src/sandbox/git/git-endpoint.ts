import { announcePush } from '../events/push.js';
import { textReply, type Exchange, type Reply } from '../http/exchange.js';
import type { GitOperation } from '../journal.js';
import { actorOf } from '../rest/actor.js';
import { noAccessText } from '../rest/errors.js';
import { callerId, exceededText } from '../rest/limits.js';
import type { Repository } from '../state/model.js';
import type { World } from '../world.js';
import { gitAccess, identifyGit, type GitCaller } from './git-access.js';
import { serveGit } from './http-backend.js';
import { listRefs } from './refs.js';

const pattern =
  /^\/([^/]+)\/([^/]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack|HEAD|objects\/.*)$/;

export interface GitTarget {
  workspace: string;
  slug: string;
  service: string;
}

export function gitTarget(path: string): GitTarget | null {
  const found = pattern.exec(path);
  if (!found) return null;
  const [, workspace = '', slug = '', service = ''] = found;
  try {
    return { workspace: decodeURIComponent(workspace), slug: decodeURIComponent(slug), service };
  } catch {
    return null;
  }
}

/**
 * `https://bitbucket.org/{workspace}/{slug}.git` (bitbucket-api §2). Answers by itself, except
 * for refusals, which come back as a reply.
 */
export async function gitEndpoint(
  world: World,
  exchange: Exchange,
  target: GitTarget,
): Promise<Reply | null> {
  const service = requestedService(exchange, target);
  if (service === null) return textReply(404, 'Only the smart HTTP protocol is served.\n');
  const repository =
    world.state.repository(target.workspace, target.slug) ?? redirected(world, target);
  const git = identifyGit(world, exchange.header('authorization'));
  const who = callerId(git.caller, exchange);
  const counted = world.rateLimits.take('git', who, world.state.settings, world.clock.now());
  const status =
    counted?.allowed === false
      ? 429
      : gitAccess(world, git, repository, service === 'git-receive-pack');
  world.journal.gitOperation({
    at: world.clock.timestamp(),
    kind: operationKind(target, service),
    repository: `${target.workspace}/${target.slug}`,
    user_kind: git.kind,
    user: git.name,
    status,
  });
  if (status === 429) return textReply(429, exceededText);
  if (status !== 200 || !repository) return refusal(status);
  const serve = () => run(world, exchange, target, repository, git);
  const isPush = target.service === 'git-receive-pack';
  await (isPush ? world.git.exclusive(repository, serve) : serve());
  return null;
}

/** git follows renames on Bitbucket when redirects are on. */
function redirected(world: World, target: GitTarget): Repository | undefined {
  if (!world.state.settings.redirect_renamed) return undefined;
  return world.state.repositoryByFormerName(`${target.workspace}/${target.slug}`);
}

function requestedService(exchange: Exchange, target: GitTarget): string | null {
  const service = target.service === 'info/refs' ? exchange.query.get('service') : target.service;
  return service === 'git-upload-pack' || service === 'git-receive-pack' ? service : null;
}

function operationKind(target: GitTarget, service: string): GitOperation['kind'] {
  if (target.service === 'info/refs') return 'advertise';
  return service === 'git-receive-pack' ? 'push' : 'fetch';
}

/** git prints a plain-text body after "remote:". */
function refusal(status: number): Reply {
  const headers: Record<string, string> =
    status === 401 ? { 'WWW-Authenticate': 'Basic realm="Bitbucket.org HTTP"' } : {};
  return textReply(status, noAccessText, headers);
}

async function run(
  world: World,
  exchange: Exchange,
  target: GitTarget,
  repository: Repository,
  git: GitCaller,
): Promise<void> {
  const isPush = target.service === 'git-receive-pack';
  const before = isPush ? await listRefs(world.git, repository) : [];
  await serveGit(world.git, {
    exchange,
    folder: world.git.folder(repository),
    service: target.service,
    user: git.name ?? git.kind,
    allowAnySha: world.state.settings.git_allow_any_sha,
    // `git push` returns only when its event is on the way, so tests need not wait for it.
    ...(isPush
      ? {
          beforeEnd: async () => {
            await announcePush(world, repository, actorOf(world, git.caller), before);
          },
        }
      : {}),
  });
}
