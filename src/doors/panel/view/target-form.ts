import type { Backend } from '../../../core/backend.js';
import type { Repository, Target } from '../../../core/model/index.js';
import type { AccountFacts } from '../load-account.js';
import { accountView, type AccountView } from './account.js';
import type { PreflightStepView } from './preflight.js';
import { emptyField, settingsFields, type FieldView } from './settings-fields.js';

export interface TargetFormView {
  /** Target id, or `new`; part of every element id of this form. */
  key: string;
  isNew: boolean;
  targetId: string;
  version: number;
  /** Id of the element that the form, and each answer to it, takes the place of. */
  root: string;
  targetName: string;
  name: FieldView;
  /** Branches and tags. */
  fields: FieldView[];
  /** The part of the rule that most targets leave alone. */
  moreRule: FieldView[];
  /** Unfolded where something is set or wrong. */
  moreRuleOpen: boolean;
  backends: BackendChoiceView[];
  /** With one backend, or for a target that exists, there is nothing to choose. */
  onlyBackend: BackendChoiceView | null;
  backendError: string | null;
  settings: SettingsView;
  problem: FormProblemView | null;
  /** Nothing to go back to on an empty page. */
  canCancel: boolean;
}

export interface BackendChoiceView {
  id: string;
  label: string;
  description: string;
  checked: boolean;
}

export interface SettingsView {
  key: string;
  label: string;
  account: AccountView | null;
  basic: FieldView[];
  advanced: FieldView[];
  open: boolean;
}

export interface FormProblemView {
  says: string;
  advice: string;
  /** Those that have no field of their own to stand at. */
  others: string[];
  isConflict: boolean;
  secretsLost: boolean;
  /** What was tried before saving; empty: it did not come to that. */
  steps: readonly PreflightStepView[];
}

export interface FormProblem {
  says: string;
  advice: string;
  fields: Readonly<Record<string, string>>;
  isConflict: boolean;
  steps: readonly PreflightStepView[];
}

export interface FormFacts {
  repository: Repository;
  backends: readonly Backend[];
  /** Of the repository, this one too. */
  targets: readonly Target[];
  /** Null = a new one. */
  target: Target | null;
  /** The backend to show when it is not the target's: chosen, or typed. */
  backendId: string | null;
  typed: ReadonlyMap<string, string> | null;
  problem: FormProblem | null;
  canCancel: boolean;
  /** Of a backend with accounts; see `load-account.ts`. */
  account?: AccountFacts;
}

export function targetFormView(facts: FormFacts): TargetFormView | null {
  const { target } = facts;
  const backend = chosenBackend(facts);
  if (backend === null) return null;
  const key = target?.id ?? 'new';
  const settings = settingsView(facts, backend);
  const name = nameField(facts);
  const fields = refFields(facts, backend);
  const moreRule = [...orderFields(facts), ...moreRuleFields(facts)];
  const choices = facts.backends.map((one) => choice(one, backend));
  const onlyBackend = target !== null || choices.length === 1 ? choice(backend, backend) : null;
  return {
    key,
    isNew: target === null,
    targetId: target?.id ?? '',
    version: versionShown(facts),
    root: target === null ? 'new-target' : `target-${target.id}`,
    targetName: target?.name ?? '',
    name,
    fields,
    moreRule,
    moreRuleOpen: moreRule.some(
      ({ kind, name, value, checked, error }) =>
        error !== null || (kind === 'checkbox' ? !checked : value !== '' && name !== 'promote'),
    ),
    backends: choices,
    onlyBackend,
    backendError: facts.problem?.fields['backend'] ?? null,
    settings,
    problem: problemView(facts, [
      name,
      ...fields,
      ...moreRule,
      ...settings.basic,
      ...settings.advanced,
    ]),
    canCancel: facts.canCancel,
  };
}

/** Saving again after a conflict must conflict again until their version was loaded: the typed version number stays. */
function versionShown({ typed, target }: FormFacts): number {
  const version = Number(typed?.get('expectedVersion'));
  return typed !== null && Number.isInteger(version) ? version : (target?.version ?? 0);
}

export function chosenBackend({ backends, target, backendId }: FormFacts): Backend | null {
  const wanted = target?.backend ?? backendId;
  const found = backends.find((one) => one.id === wanted) ?? null;
  // A new target starts with the first one; an existing one never silently changes to another.
  return found ?? (target === null ? (backends[0] ?? null) : null);
}

function choice(one: Backend, chosen: Backend): BackendChoiceView {
  return {
    id: one.id,
    label: one.label,
    description: one.description,
    checked: one.id === chosen.id,
  };
}

export function settingsView(facts: FormFacts, backend: Backend): SettingsView {
  const key = facts.target?.id ?? 'new';
  const fields = settingsFields(backend, {
    idPrefix: `f-${key}`,
    stored: facts.target?.settings ?? {},
    hasStoredSecrets: (facts.target?.secretsSealed ?? null) !== null,
    typed: facts.typed,
    errors: facts.problem?.fields ?? {},
  });
  const advanced = fields.filter((field) => field.advanced);
  const { account } = facts;
  const around = {
    ...{ key, backend, repository: facts.repository.fullName, targetId: facts.target?.id ?? '' },
    field: fields.find(({ listed }) => listed) ?? null,
    error: facts.problem?.fields['connectionId'] ?? null,
  };
  return {
    key,
    label: backend.label,
    account: account ? accountView(account, around) : null,
    basic: fields.filter((field) => !field.advanced && !field.listed),
    advanced,
    open: advanced.some((field) => field.error !== null),
  };
}

function nameField(facts: FormFacts): FieldView {
  return general(facts, 'name', facts.target?.name ?? freeName(facts.targets), {
    label: 'Name',
    help: 'Shown on the commit in Bitbucket, for example Production or Staging.',
    required: true,
    maxLength: 60,
  });
}

/** Two targets of one name could not be told apart in the lists. */
function freeName(targets: readonly Target[]): string {
  const taken = new Set(targets.map(({ name }) => name.toLowerCase()));
  return ['Production', 'Staging', 'Test'].find((name) => !taken.has(name.toLowerCase())) ?? '';
}

export function refFields(facts: FormFacts, backend: Backend): FieldView[] {
  const { repository, target } = facts;
  const branch = target === null ? (repository.mainBranch ?? 'main') : (target.branchPattern ?? '');
  const branches = general(facts, 'branchPattern', branch, {
    label: 'Branches',
    help: 'A push to one of these deploys. A name or a pattern such as release/*; separate several with commas.',
    list: 'branches',
    isCode: true,
    required: !backend.capabilities.tags,
    maxLength: 500,
  });
  if (!backend.capabilities.tags) return [branches];
  const tags = general(facts, 'tagPattern', target?.tagPattern ?? '', {
    label: 'Tags',
    help: 'A new tag that matches deploys as well. Empty: tags deploy nothing.',
    placeholder: 'v*',
    isCode: true,
    maxLength: 500,
  });
  return [branches, tags];
}

/** Where there is another target to wait for. */
function orderFields(facts: FormFacts): FieldView[] {
  const { target, targets, typed } = facts;
  const others = targets.filter(({ id }) => id !== target?.id);
  if (others.length === 0) return [];
  const after = typed?.get('afterTargetId') ?? target?.afterTargetId ?? '';
  const promote = typed?.get('promote') ?? target?.promote ?? 'automatic';
  const option = (value: string, label: string, chosen: string) => ({
    value,
    label,
    selected: value === chosen,
  });
  return [
    general(facts, 'afterTargetId', after, {
      kind: 'select',
      label: 'Waits for',
      help: 'Then it deploys exactly the commits that go live there, instead of every push.',
      options: [
        option('', 'No other target', after),
        ...others.map(({ id, name }) => option(id, name, after)),
      ],
    }),
    general(facts, 'promote', promote, {
      kind: 'select',
      label: 'When it is live there',
      help: 'Counts only where it waits for another target. A person has 7 days to let it go on.',
      options: [
        option('automatic', 'Deploy by itself', promote),
        option('person', 'Wait for a person to let it go on', promote),
      ],
    }),
  ];
}

function moreRuleFields(facts: FormFacts): FieldView[] {
  const { target, typed } = facts;
  const paths = { isCode: true, maxLength: 2_000 };
  const isHonoured =
    typed === null ? (target?.honourSkipMarkers ?? true) : honoursSkipMarkers(typed);
  const newerPush = typed?.get('newerPush') ?? target?.newerPush ?? 'finish';
  return [
    {
      ...general(facts, 'newerPush', '', {
        kind: 'select',
        label: 'When a newer push comes during a deployment',
        help: 'Of the same branch or tag. Only where the backend can cancel; what can no longer be cancelled finishes.',
        options: [
          { value: 'finish', label: 'Finish it first', selected: newerPush !== 'cancel' },
          { value: 'cancel', label: 'Cancel it', selected: newerPush === 'cancel' },
        ],
      }),
      value: newerPush === 'cancel' ? 'cancel' : '',
    },
    general(facts, 'includePaths', target?.includePaths ?? '', {
      ...paths,
      label: 'Only when these files change',
      help: 'Folders, files or patterns such as **/*.css; separate several with commas. The pushed commit is compared with the one that is live. Empty: any file.',
      placeholder: 'packages/shop, package-lock.json',
    }),
    general(facts, 'excludePaths', target?.excludePaths ?? '', {
      ...paths,
      label: 'Never for these files',
      help: 'When nothing else changed, nothing is deployed. Counts also for files named above.',
      placeholder: 'docs, **/*.md',
    }),
    general(facts, 'honourSkipMarkers', 'true', {
      kind: 'checkbox',
      checked: isHonoured,
      label: 'Honour [skip ci]',
      help: 'A push deploys nothing when the message of its last commit says [skip ci], [skip deploy] or the like.',
    }),
  ];
}

/** A page's form sends `false` or `true`; where a client sends neither, the default counts. */
export function honoursSkipMarkers(fields: ReadonlyMap<string, string>): boolean {
  return fields.get('honourSkipMarkers') !== 'false';
}

function general(
  facts: FormFacts,
  name: string,
  value: string,
  rest: Partial<FieldView>,
): FieldView {
  return {
    ...emptyField,
    ...rest,
    name,
    id: `f-${facts.target?.id ?? 'new'}-${name}`,
    value: facts.typed === null ? value : (facts.typed.get(name) ?? value),
    error: facts.problem?.fields[name] ?? null,
  };
}

function problemView(facts: FormFacts, fields: readonly FieldView[]): FormProblemView | null {
  const { problem, typed } = facts;
  if (problem === null) return null;
  const shown = new Set(fields.flatMap((field) => (field.error === null ? [] : [field.error])));
  const others = Object.entries(problem.fields)
    .filter(([key, message]) => key !== 'backend' && !shown.has(message))
    .map(([, message]) => message);
  const secretsLost = fields.some((field) => field.secret && (typed?.get(field.name) ?? '') !== '');
  return {
    says: problem.says,
    advice: problem.advice,
    others,
    secretsLost,
    isConflict: problem.isConflict,
    steps: problem.steps,
  };
}
