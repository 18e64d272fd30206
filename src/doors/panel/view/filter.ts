import type { Deployment, Target } from '../../../core/model/index.js';
import type { RefChangeWithDecisions } from '../../../core/ports.js';
import { activityPath, isFiltered, nothingSpecial, type ActivityWish } from '../activity-wish.js';

/** The line above the lists by which people narrow them. */
export interface FilterView {
  fields: FilterField[];
  isOn: boolean;
  /** There is something to choose from. */
  isUseful: boolean;
  /** Everything again. */
  clearPath: string;
}

export interface FilterField {
  name: 'branch' | 'target' | 'state' | 'person';
  label: string;
  options: { value: string; label: string; isChosen: boolean }[];
}

/** Rows whose names can be chosen. */
export interface FilterChoices {
  deployments: readonly Pick<Deployment, 'refName' | 'causedBy'>[];
  changes: readonly Pick<RefChangeWithDecisions, 'name' | 'actorName'>[];
}

/** The chosen one stays among the choices whatever they are. */
export function filterView(
  wish: ActivityWish,
  targets: readonly Pick<Target, 'id' | 'name'>[],
  { deployments, changes }: FilterChoices,
): FilterView {
  const chosen = wish.filter;
  const branches = [...changes.map(({ name }) => name), ...deployments.map((one) => one.refName)];
  const people = [
    ...changes.map(({ actorName }) => actorName),
    ...deployments.map(({ causedBy }) => causedBy),
  ].filter((name) => name !== null);
  return {
    fields: [
      field('branch', 'Branch or tag', plain(branches, chosen.branch), chosen.branch),
      field(
        'target',
        'Target',
        targets.map(({ id, name }) => ({ value: id, label: name })),
        chosen.target,
      ),
      field(
        'state',
        'State',
        [
          { value: 'running', label: 'Running' },
          { value: 'live', label: 'Went live' },
          { value: 'failed', label: 'Failed' },
          { value: 'stopped', label: 'Stopped or superseded' },
        ],
        chosen.state,
      ),
      field('person', 'Person', plain(people, chosen.person), chosen.person),
    ],
    isOn: isFiltered(chosen),
    isUseful: isFiltered(chosen) || deployments.length + changes.length > 1,
    clearPath: activityPath({ ...nothingSpecial, push: wish.push }),
  };
}

function field(
  name: FilterField['name'],
  label: string,
  choices: readonly { value: string; label: string }[],
  chosen: string,
): FilterField {
  const options = [{ value: '', label: 'All' }, ...choices];
  return {
    name,
    label,
    options: options.map((option) => ({ ...option, isChosen: option.value === chosen })),
  };
}

function plain(values: readonly string[], chosen: string): { value: string; label: string }[] {
  const all = new Set(values.filter((value) => value !== ''));
  if (chosen !== '') all.add(chosen);
  return [...all].sort().map((value) => ({ value, label: value }));
}
