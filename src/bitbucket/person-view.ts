import { z } from 'zod';
import { AccessError, BitbucketError } from '../core/errors.js';
import type { PersonView } from '../core/person-view.js';
import { permissionPageShape, remoteRepositoryShape, repositoryFields } from './client-shapes.js';
import { highest } from './permissions.js';
import { apiPath, createRest, quoted, type RestOptions } from './rest.js';

const pageLength = 50;
/** 100 a page: nobody is in more workspaces than a page of ours could show. */
const mostWorkspacePages = 5;

const workspacePage = z.object({
  next: z.string().nullish(),
  values: z.array(
    z.object({
      administrator: z.boolean().catch(false),
      workspace: z.object({ uuid: z.string(), slug: z.string() }),
    }),
  ),
});
const membership = z.object({
  permission: z.string(),
  workspace: z
    .object({ uuid: z.string(), slug: z.string(), name: z.string().nullish() })
    .nullish()
    .catch(null),
});
const workspaceShape = z.object({ uuid: z.string(), slug: z.string(), name: z.string().nullish() });
const repositoryPage = z.object({
  next: z.string().nullish(),
  values: z.array(remoteRepositoryShape),
});

/** The calls that took the place of the removed cross-workspace ones (reference/bitbucket-api.md §3.5, §4.2, §4.10). */
export function createPersonView(options: RestOptions): PersonView {
  const rest = createRest(options);
  return {
    async workspaces(personUuid) {
      const found: z.infer<typeof workspacePage>['values'] = [];
      let path: string | null = apiPath(['user', 'workspaces'], { sort: 'slug', pagelen: '100' });
      for (let read = 0; path !== null && read < mostWorkspacePages; read += 1) {
        const call = { what: 'list workspaces', workspaceUuid: '', personUuid, path };
        const page: z.infer<typeof workspacePage> = await rest.read(call, workspacePage);
        found.push(...page.values);
        path = page.next ?? null;
      }
      return found.map(({ administrator: isAdmin, workspace }) => ({
        ...{ ...workspace, name: null, isAdmin },
      }));
    },
    async workspace(personUuid, workspaceUuid) {
      const ask = { what: 'read own workspace', workspaceUuid, personUuid };
      const asked = apiPath(['user', 'workspaces', workspaceUuid, 'permission'], {});
      const plain = apiPath(['workspaces', workspaceUuid], { fields: 'uuid,slug,name' });
      try {
        const found = await rest.read({ ...ask, path: asked }, membership);
        // The membership names its workspace only by custom.
        const known = found.workspace?.name ? found.workspace : null;
        const { slug, name } = known ?? (await rest.read({ ...ask, path: plain }, workspaceShape));
        const isAdmin = found.permission === 'owner';
        return { uuid: workspaceUuid, slug, name: name ?? null, isAdmin };
      } catch (error) {
        if (refusesOrLacks(error)) return null;
        throw error;
      }
    },
    async repositories(personUuid, workspaceUuid, { search, page }) {
      const path = apiPath(['repositories', workspaceUuid], {
        ...(search === '' ? {} : { q: `name ~ ${quoted(search)}` }),
        sort: '-updated_on',
        pagelen: String(pageLength),
        page: String(page),
        fields: ['next', ...repositoryFields.split(',').map((one) => `values.${one}`)].join(','),
      });
      const call = { what: 'list repositories', workspaceUuid, personUuid, path };
      const { values, next } = await rest.read(call, repositoryPage).catch((error: unknown) => {
        if (refusesOrLacks(error)) throw new AccessError('workspace_unknown', 404);
        throw error;
      });
      const hasMore = Boolean(next);
      return { repositories: values.map((one) => remote(one, workspaceUuid)), hasMore };
    },
    async repository(personUuid, workspaceUuid, repositoryUuid) {
      const path = apiPath(['repositories', workspaceUuid, repositoryUuid], {
        fields: repositoryFields,
      });
      const call = { what: 'read repository', workspaceUuid, personUuid, path };
      try {
        return remote(await rest.read(call, remoteRepositoryShape), workspaceUuid);
      } catch (error) {
        if (refusesOrLacks(error)) return null;
        throw error;
      }
    },
    async permission(personUuid, { workspaceUuid, uuid }) {
      const path = apiPath(['user', 'workspaces', workspaceUuid, 'permissions', 'repositories'], {
        q: `repository.uuid=${quoted(uuid)}`,
        fields: 'values.permission',
      });
      const call = { what: 'read own permission', workspaceUuid, personUuid, path };
      try {
        return highest((await rest.read(call, permissionPageShape)).values);
      } catch (error) {
        // Whoever left the workspace is told so by a refusal.
        if (refusesOrLacks(error)) return 'none';
        throw error;
      }
    },
  };
}

/** What may not be seen is answered 404 as often as 403 (§3.3). */
function refusesOrLacks(error: unknown): boolean {
  return error instanceof BitbucketError && [403, 404].includes(error.status ?? 0);
}

function remote(found: z.infer<typeof remoteRepositoryShape>, workspaceUuid: string) {
  return {
    uuid: found.uuid,
    workspaceUuid: found.workspace?.uuid ?? found.owner?.uuid ?? workspaceUuid,
    fullName: found.full_name,
    name: found.name ?? found.full_name.split('/').at(-1) ?? found.full_name,
    mainBranch: found.mainbranch?.name ?? null,
    // Unsaid is taken for private: nothing is ever shown on the strength of this being false.
    isPrivate: found.is_private ?? true,
  };
}
