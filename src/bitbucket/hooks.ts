import { z } from 'zod';
import { BitbucketError } from '../core/errors.js';
import type { Repository } from '../core/model/index.js';
import type { HookSpec, RemoteHook } from '../core/ports.js';
import { apiPath, type Rest, type RestCall } from './rest.js';

const hookShape = z.object({
  uuid: z.string().min(1),
  url: z.string(),
  active: z.boolean().catch(true),
  events: z.array(z.string()).catch([]),
  secret_set: z.boolean().nullish(),
});
const pageShape = z.object({ next: z.string().nullish(), values: z.array(hookShape) });
type HookPage = z.infer<typeof pageShape>;

/** A repository has at most 50, so one page is enough; a second one is followed all the same, and no third. */
const mostPages = 2;

export async function listHooks(
  rest: Rest,
  repository: Repository,
  personUuid: string | null,
): Promise<RemoteHook[]> {
  const call = { what: 'list webhooks', ...whose(repository, personUuid) };
  const found: RemoteHook[] = [];
  let path: string | null = pathOf(repository, [], {
    pagelen: '100',
    fields: 'next,values.uuid,values.url,values.active,values.events,values.secret_set',
  });
  for (let read = 0; path !== null && read < mostPages; read += 1) {
    const page: HookPage = await rest.read({ ...call, path }, pageShape);
    found.push(...page.values.map(remoteHook));
    path = page.next ?? null;
  }
  return found;
}

export async function createHook(
  rest: Rest,
  repository: Repository,
  spec: HookSpec,
  personUuid: string | null,
): Promise<RemoteHook> {
  const call: RestCall = {
    ...{ what: 'create webhook', method: 'POST', path: pathOf(repository, []) },
    ...whose(repository, personUuid),
    body: bodyOf(spec),
  };
  return remoteHook(await rest.read(call, hookShape));
}

/** The whole object: what is left out may be taken for empty (reference/bitbucket-api.md §4.8). */
export async function updateHook(
  rest: Rest,
  repository: Repository,
  remoteUuid: string,
  spec: HookSpec,
  personUuid: string | null,
): Promise<void> {
  await rest.send({
    ...{ what: 'update webhook', method: 'PUT', path: pathOf(repository, [remoteUuid]) },
    ...whose(repository, personUuid),
    body: bodyOf(spec),
  });
}

export async function deleteHook(
  rest: Rest,
  repository: Repository,
  remoteUuid: string,
  personUuid: string | null,
): Promise<void> {
  try {
    await rest.send({
      ...{ what: 'delete webhook', method: 'DELETE', path: pathOf(repository, [remoteUuid]) },
      ...whose(repository, personUuid),
    });
  } catch (error) {
    if (!(error instanceof BitbucketError && error.code === 'repository_gone')) throw error;
  }
}

function whose({ workspaceUuid, uuid }: Repository, personUuid: string | null) {
  return {
    workspaceUuid,
    repositoryUuid: uuid,
    ...(personUuid === null ? {} : { personUuid }),
  };
}

function pathOf(
  { workspaceUuid, uuid }: Repository,
  more: readonly string[],
  query: Readonly<Record<string, string>> = {},
): string {
  return apiPath(['repositories', workspaceUuid, uuid, 'hooks', ...more], query);
}

function bodyOf({ url, description, active, events, secret }: HookSpec): object {
  return { url, description, active, events, secret, skip_cert_verification: false };
}

function remoteHook({ uuid, url, active, events, secret_set }: z.infer<typeof hookShape>) {
  return { uuid, url, active, events, secretSet: secret_set ?? null };
}
