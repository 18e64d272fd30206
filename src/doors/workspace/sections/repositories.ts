import type { Repository, Target } from '../../../core/model/index.js';
import type { Reader } from '../../../core/ports.js';
import { textOf } from '../../panel/form-fields.js';
import { stateView, type StateView } from '../../panel/view/states.js';
import type { WorkspaceContext, WorkspaceSection } from '../section.js';

export interface RepositoriesDeps {
  read: Reader;
}

const pageSize = 25;

/** Repositories that use Slipway, and how each is doing. */
export function repositoriesSection(deps: RepositoriesDeps): WorkspaceSection {
  return {
    key: 'repositories',
    title: 'Repositories',
    help: 'Repositories of this workspace that deploy with Slipway.',
    adminOnly: false,
    load: (context, fields) =>
      load(deps, context, textOf(fields, 'search'), textOf(fields, 'after')),
    actions: {},
  };
}

interface RepositoryRow {
  name: string;
  fullName: string;
  href: string;
  targets: { name: string; state: StateView | null }[];
}

async function load(
  { read }: RepositoriesDeps,
  context: WorkspaceContext,
  search: string,
  after: string,
): Promise<object> {
  const found = await read.repositories.using(context.workspace.uuid, {
    ...{ search, after },
    limit: pageSize + 1,
  });
  const shown = found.slice(0, pageSize);
  const targets = await read.targets.ofRepositories(shown.map(({ id }) => id));
  const rows = await Promise.all(
    shown.map((one) =>
      rowOf(
        one,
        targets.filter(({ repositoryId }) => repositoryId === one.id),
        context,
        read,
      ),
    ),
  );
  const last = shown.at(-1);
  const next = new URLSearchParams({ search, after: last?.fullName ?? '' }).toString();
  return {
    search,
    rows,
    isFirstPage: after === '',
    isSearch: search !== '',
    morePath: found.length > pageSize ? `/panel/workspace/sections/repositories?${next}` : null,
  };
}

async function rowOf(
  repository: Repository,
  targets: readonly Target[],
  { places }: WorkspaceContext,
  read: Reader,
): Promise<RepositoryRow> {
  return {
    name: repository.name,
    fullName: repository.fullName,
    href: `${places.bitbucketUrl}/${repository.fullName.split('/').map(encodeURIComponent).join('/')}`,
    targets: await Promise.all(
      targets.map(async (target) => {
        const [newest] = await read.deployments.recent({ targetId: target.id }, { limit: 1 });
        return { name: target.name, state: newest ? stateView(newest, target) : null };
      }),
    ),
  };
}
