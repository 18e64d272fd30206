import type { TargetChoice } from '../../core/backend.js';
import { componentKinds, type App, type Component } from './shapes.js';

export interface BitbucketSource {
  repository: string;
  branch: string;
  deploysOnPush: boolean;
}

interface Part {
  kind: string;
  component: Component;
}

export function partsOf({ spec }: Pick<App, 'spec'>): Part[] {
  const keys = Object.keys(componentKinds) as (keyof typeof componentKinds)[];
  return keys.flatMap((key) =>
    spec[key].map((component) => ({ kind: componentKinds[key], component })),
  );
}

export function bitbucketSources(app: Pick<App, 'spec'>): BitbucketSource[] {
  return partsOf(app).flatMap(({ component: { bitbucket } }) =>
    bitbucket?.repo && bitbucket.branch
      ? [
          {
            repository: bitbucket.repo,
            branch: bitbucket.branch,
            deploysOnPush: bitbucket.deploy_on_push ?? false,
          },
        ]
      : [],
  );
}

/** Names in Bitbucket are the same in capitals. */
export function isSameRepository(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

export function describeApp(app: App): TargetChoice {
  const sources = bitbucketSources(app);
  const repositories = new Set(sources.map(({ repository }) => repository.toLowerCase()));
  const branches = new Set(sources.map(({ branch }) => branch));
  const [first] = sources;
  return {
    id: app.id,
    label: app.spec.name ?? app.id,
    parts: partsOf(app).map(describePart),
    repository: repositories.size === 1 ? (first?.repository ?? null) : null,
    branch: branches.size === 1 ? (first?.branch ?? null) : null,
    url: urlOf(app),
  };
}

/** Empty for a short time after a first deployment. */
export function urlOf({ live_url: live, default_ingress: ingress }: App): string | null {
  const url = live || ingress || '';
  return /^https?:\/\//.test(url) ? url : null;
}

function describePart({ kind, component }: Part): string {
  return `${component.name ?? 'unnamed'}: ${kind} from ${describeSource(component)}`;
}

function describeSource({ bitbucket, github, gitlab, git, image }: Component): string {
  const hosted = bitbucket ?? github ?? gitlab;
  const where = bitbucket ? 'Bitbucket' : github ? 'GitHub' : 'GitLab';
  if (hosted) return `${where} ${hosted.repo ?? '?'}, branch ${hosted.branch ?? '?'}`;
  if (git) return `${git.repo_clone_url ?? 'a git repository'}, branch ${git.branch ?? '?'}`;
  if (image) return `the image ${image.repository ?? '?'}`;
  return 'an unknown source';
}
