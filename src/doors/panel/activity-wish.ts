import type { DeploymentState } from '../../core/model/index.js';
import { textOf, type FormFields } from './form-fields.js';

/** What of a repository's pushes and deployments somebody wants to see. It stands in the path that the page polls. */
export interface ActivityWish {
  /** How many pages of deployments, from 1. */
  pages: number;
  /** The push whose whole story is open; null: none. */
  push: string | null;
  filter: ActivityFilter;
}

/** Empty text: everything. */
export interface ActivityFilter {
  branch: string;
  target: string;
  state: FilterState | '';
  person: string;
}

/** States as people look for them. */
export const filterStates = {
  running: ['waiting', 'queued', 'building', 'deploying', 'unknown'],
  live: ['live', 'handed_off'],
  failed: ['failed'],
  stopped: ['stopped', 'superseded'],
} as const satisfies Record<string, readonly DeploymentState[]>;

export type FilterState = keyof typeof filterStates;

export const nothingSpecial: ActivityWish = {
  pages: 1,
  push: null,
  filter: { branch: '', target: '', state: '', person: '' },
};

const maxPages = 10;
const fragmentPath = '/panel/fragments/deployments';

/** Of the fragment's own query, or of the field `view` that the page's script sends along with an action. */
export function activityWish(fields: FormFields): ActivityWish {
  const pages = Number.parseInt(textOf(fields, 'pages'), 10);
  const state = textOf(fields, 'state');
  const push = textOf(fields, 'push');
  return {
    pages: Number.isNaN(pages) ? 1 : Math.min(Math.max(pages, 1), maxPages),
    push: push === '' ? null : push,
    filter: {
      branch: textOf(fields, 'branch'),
      target: textOf(fields, 'target'),
      state: Object.hasOwn(filterStates, state) ? (state as FilterState) : '',
      person: textOf(fields, 'person'),
    },
  };
}

export function wishOfView(fields: FormFields): ActivityWish {
  const query = new URLSearchParams(textOf(fields, 'view'));
  return activityWish(new Map(query));
}

export function activityPath(wish: ActivityWish): string {
  const { branch, target, state, person } = wish.filter;
  const query = new URLSearchParams();
  if (wish.pages > 1) query.set('pages', String(wish.pages));
  if (wish.push !== null) query.set('push', wish.push);
  for (const [name, value] of Object.entries({ branch, target, state, person })) {
    if (value !== '') query.set(name, value);
  }
  const text = query.toString();
  return text === '' ? fragmentPath : `${fragmentPath}?${text}`;
}

export function hasMorePages(wish: ActivityWish): boolean {
  return wish.pages < maxPages;
}

export function isFiltered({ branch, target, state, person }: ActivityFilter): boolean {
  return [branch, target, state, person].some((value) => value !== '');
}
