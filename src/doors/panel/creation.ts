import type { Backend, CreationProposal, CreationResult } from '../../core/backend.js';
import { InputError } from '../../core/errors.js';
import { blankForm } from './blank-form.js';
import type { Answer, PanelContext } from './context.js';
import { textOf, type FormFields } from './form-fields.js';
import { withAccount } from './load-account.js';
import { describeSettings } from './view/settings-fields.js';
import { settingsView } from './view/target-form.js';

/** Makes something new to deploy to out of this repository: asks for a name, shows what it would be and cost, makes it. */
interface CreationView {
  label: string;
  extraRights: string;
  backendLabel: string;
  backend: string;
  connectionId: string;
  name: string;
  branch: string;
  proposal: CreationProposal | null;
  /** What the repeated click does: nothing was made before that. */
  canCreate: boolean;
  isPending: boolean;
  problem: string | null;
}

/** `GET /panel/fragments/creation` */
export function showCreation(context: PanelContext, fields: FormFields): Promise<Answer> {
  return Promise.resolve(answer(200, viewOf(context, fields)));
}

/** `POST /panel/actions/creation/propose`: changes nothing. */
export async function proposeCreation(context: PanelContext, fields: FormFields): Promise<Answer> {
  const view = viewOf(context, fields);
  const proposal = await context.services.proposeCreation({ ...useOf(context, view) });
  const problem = proposal.kind === 'refused' ? proposal.reason : null;
  const isPending = proposal.kind === 'pending';
  const status = proposal.kind === 'refused' ? 422 : 200;
  const canCreate = proposal.kind === 'proposed';
  return answer(status, { ...view, proposal, problem, isPending, canCreate });
}

/** `POST /panel/actions/creation/create` */
export async function createNew(context: PanelContext, fields: FormFields): Promise<Answer> {
  const view = viewOf(context, fields);
  const use = useOf(context, view);
  const result = await context.services.createAtBackend({ ...use, by: context.by });
  if (result.kind !== 'created')
    return answer(problemStatus(result), { ...view, problem: result.reason });
  const backend = backendOf(context, view.backend);
  const listed = describeSettings(backend.settings).find(({ meta }) => meta.listed);
  const typed = new Map([
    ['backend', view.backend],
    ['connectionId', view.connectionId],
    [`settings.${listed?.key}`, result.choice.id],
  ]);
  const facts = { ...(await blankForm(context)), backendId: view.backend, typed };
  const form = await withAccount(context, facts, typed);
  return {
    status: 200,
    view: 'panel/created',
    data: {
      name: result.choice.label,
      settings: { ...settingsView(form, backend), oob: true },
    },
  };
}

function problemStatus(result: Exclude<CreationResult, { kind: 'created' }>): number {
  return result.kind === 'refused' ? 422 : 502;
}

function useOf({ repository }: PanelContext, view: CreationView) {
  const { fullName, name, workspaceUuid } = repository;
  return {
    connectionId: view.connectionId,
    workspaceUuid,
    wish: { repository: { fullName, name }, branch: view.branch, name: view.name },
  };
}

function viewOf(context: PanelContext, fields: FormFields): CreationView {
  const backend = backendOf(context, textOf(fields, 'backend'));
  const { creation } = backend.account ?? {};
  if (creation === undefined) throw new InputError('backend_unknown');
  const { repository } = context;
  return {
    label: creation.label,
    extraRights: creation.extraRights,
    backendLabel: backend.label,
    backend: backend.id,
    connectionId: textOf(fields, 'connectionId'),
    name: textOf(fields, 'name') || nameFor(repository.name),
    branch: textOf(fields, 'branch') || (repository.mainBranch ?? 'main'),
    proposal: null,
    canCreate: false,
    isPending: false,
    problem: null,
  };
}

function backendOf({ services }: PanelContext, id: string): Backend {
  const found = services.backends.find((one) => one.id === id);
  if (found === undefined) throw new InputError('backend_unknown');
  return found;
}

/** Most services take small letters, digits and dashes only. */
function nameFor(repository: string): string {
  const name = repository.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return name.replace(/^[^a-z]+|-+$/g, '').slice(0, 32) || 'app';
}

function answer(status: number, creation: CreationView): Answer {
  return { status, view: 'panel/creation', data: { creation } };
}
