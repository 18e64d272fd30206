import { AccessError } from '../../../core/errors.js';
import { explainHook } from '../../../core/hooks/explain.js';
import type { Hook, Repository, Target } from '../../../core/model/index.js';
import type { Reader } from '../../../core/ports.js';
import { repositoryPath } from '../../dashboard/places.js';
import type { Places } from '../../panel/deps.js';
import { textOf } from '../../panel/form-fields.js';
import type { PanelServices } from '../../panel/panel-services.js';
import { stateView, type StateView } from '../../panel/view/states.js';
import type { SectionDone, WorkspaceContext, WorkspaceSection } from '../section.js';

export interface RepositoriesDeps {
  read: Reader;
  hooks: PanelServices['hooks'];
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
    actions: { repair: (context, fields) => repair(deps, context, textOf(fields, 'repositoryId')) },
  };
}

interface RepositoryRow {
  id: string;
  hook: HookRow | null;
  canRepair: boolean;
  name: string;
  fullName: string;
  href: string;
  newTab: boolean;
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
    isPaged: after !== '' || found.length > pageSize,
    isSearch: search !== '',
    isOwnPage: context.session.door === 'oauth',
    morePath: found.length > pageSize ? `/panel/workspace/sections/repositories?${next}` : null,
  };
}

interface HookRow {
  state: StateView;
  says: string | null;
}

function hookRow(hook: Hook | null): HookRow | null {
  if (hook?.state !== 'active') return null;
  const trouble = explainHook(hook);
  if (!trouble) {
    return { state: { word: 'Webhook well', appearance: 'success', icon: 'success' }, says: null };
  }
  return {
    state: { word: 'Webhook in trouble', appearance: 'warning', icon: 'warning' },
    says: `${trouble.says} ${trouble.advice}`,
  };
}

/** Ids in a form are only claims: a repository of another workspace does not exist here. */
async function repair(
  { read, hooks }: RepositoriesDeps,
  { workspace, by }: WorkspaceContext,
  repositoryId: string,
): Promise<SectionDone> {
  const repository = repositoryId === '' ? null : await read.repositories.byId(repositoryId);
  const hook = repository ? await read.hooks.ofRepository(repository.id) : null;
  if (repository?.workspaceUuid !== workspace.uuid || hook?.state !== 'active') {
    throw new AccessError('repository_unknown', 404);
  }
  await hooks.ensure({ repository, by });
  return { says: `The webhook of ${repository.fullName} is as it should be, with a new secret.` };
}

async function rowOf(
  repository: Repository,
  targets: readonly Target[],
  { places, rights, session }: WorkspaceContext,
  read: Reader,
): Promise<RepositoryRow> {
  const isOwnPage = session.door === 'oauth';
  const hook = await read.hooks.ofRepository(repository.id);
  return {
    id: repository.id,
    hook: hookRow(hook),
    canRepair:
      rights === 'admin' && hook?.state === 'active' && (explainHook(hook)?.canRepair ?? false),
    name: repository.name,
    fullName: repository.fullName,
    ...linkTo(repository, places, isOwnPage),
    targets: await Promise.all(
      targets.map(async (target) => {
        const [newest] = await read.deployments.recent({ targetId: target.id }, { limit: 1 });
        return { name: target.name, state: newest ? stateView(newest, target) : null };
      }),
    ),
  };
}

/** Our own pages have its panel; inside Bitbucket's frame only Bitbucket can open another page of its own. */
function linkTo({ workspaceUuid, uuid, fullName }: Repository, places: Places, isOwnPage: boolean) {
  if (isOwnPage) return { href: repositoryPath(workspaceUuid, uuid), newTab: false };
  const name = fullName.split('/').map(encodeURIComponent).join('/');
  return { href: `${places.bitbucketUrl}/${name}`, newTab: true };
}
