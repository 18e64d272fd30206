import { AccessError, InputError, StateError } from '../../core/errors.js';
import type { Clock, Logger } from '../../core/ports.js';
import { refusal } from '../panel/calls.js';
import type { Answer, FlagView } from '../panel/context.js';
import { trimPlaces, type Places } from '../panel/deps.js';
import { formFields, type FormFields } from '../panel/form-fields.js';
import { mayChangeWorkspace, type Rights, type WorkspaceIdentity } from '../panel/identity.js';
import { problemOf } from '../panel/problems.js';
import { notAllowedToAsk, notAnswered } from '../panel/rights.js';
import type { WorkspaceSession } from '../panel/session.js';
import type { SectionView, WorkspaceContext, WorkspaceSection } from './section.js';
import type { WorkspaceServices } from './workspace-services.js';

export interface WorkspaceCallDeps extends Places {
  services: WorkspaceServices;
  sections: readonly WorkspaceSection[];
  clock: Clock;
  logger: Logger;
}

export interface WorkspaceCall {
  /** `show`: one section again; `act`: one of its actions. */
  kind: 'show' | 'act';
  section: string;
  /** Of the action; empty for `show`. */
  name: string;
  fields: FormFields;
}

/** Who opens a workspace's page, and what they may do there. */
export async function openWorkspaceSession(
  deps: WorkspaceCallDeps,
  identity: WorkspaceIdentity,
): Promise<{ session: WorkspaceSession; why: string | null }> {
  const { rights, why } = await rightsIn(deps, identity);
  const name = identity.userName ?? (await deps.services.personName(identity));
  return { session: { ...identity, userName: name ?? 'A workspace admin', rights }, why };
}

async function rightsIn(
  { services, logger }: WorkspaceCallDeps,
  identity: WorkspaceIdentity,
): Promise<{ rights: Rights; why: string | null }> {
  const { workspaceUuid, userUuid } = identity;
  try {
    const permission = await services.workspacePermission(workspaceUuid, userUuid);
    if (mayChangeWorkspace(permission, identity)) return { rights: 'admin', why: null };
    const why =
      permission === 'unknown'
        ? notAllowedToAsk('workspace')
        : 'Only an admin of this workspace can change what stands here.';
    return { rights: 'read', why };
  } catch (error) {
    logger.warn({ err: error, workspace: workspaceUuid }, 'workspace: permission not answered');
    return { rights: 'read', why: notAnswered('workspace') };
  }
}

export async function contextOf(
  deps: WorkspaceCallDeps,
  session: WorkspaceSession,
): Promise<WorkspaceContext> {
  const { workspaceUuid: uuid, userUuid, userName, rights } = session;
  const stored = await deps.services.read.repositories.workspace(uuid);
  const now = deps.clock();
  return {
    places: trimPlaces(deps),
    session,
    workspace: stored ?? { uuid, slug: null, name: null, updatedAt: now },
    rights,
    by: { uuid: userUuid, name: userName },
    now,
  };
}

/** Those that this visitor may see, drawn. One that fails says so in its own place. */
export async function loadSections(
  deps: WorkspaceCallDeps,
  context: WorkspaceContext,
): Promise<SectionView[]> {
  const visible = deps.sections.filter((one) => !one.adminOnly || context.rights === 'admin');
  return Promise.all(
    visible.map(async (section) => {
      try {
        return await draw(section, context, new Map());
      } catch (error) {
        deps.logger.error({ err: error, section: section.key }, 'workspace: section failed');
        return failed(section, error);
      }
    }),
  );
}

async function draw(
  section: WorkspaceSection,
  context: WorkspaceContext,
  fields: FormFields,
): Promise<SectionView> {
  const { key, title, help } = section;
  const view = await section.load(context, fields);
  return { key, title, help, partial: `workspace-${key}`, flag: null, view };
}

function failed({ key, title, help }: WorkspaceSection, error: unknown): SectionView {
  const { says, advice } = problemOf(error);
  return { key, title, help, partial: 'workspace-failed', flag: null, view: { says, advice } };
}

function flagOf(error: unknown): FlagView {
  const { says, advice, code } = problemOf(error);
  return { kind: 'error', says, advice, code };
}

/** Every call of the workspace's page. Refusals are answers, too; nothing is thrown. */
export async function answerWorkspaceCall(
  deps: WorkspaceCallDeps,
  session: WorkspaceSession,
  call: WorkspaceCall,
): Promise<Answer> {
  try {
    return await carryOut(deps, session, call);
  } catch (error) {
    return refusal(deps, error);
  }
}

async function carryOut(
  deps: WorkspaceCallDeps,
  session: WorkspaceSession,
  { kind, section: key, name, fields }: WorkspaceCall,
): Promise<Answer> {
  const context = await contextOf(deps, session);
  const section = deps.sections.find((one) => one.key === key);
  if (section === undefined) throw new AccessError('call_unknown', 404);
  if (section.adminOnly || kind === 'act') await demandWorkspaceAdmin(deps, session);
  if (kind === 'show') return shown(200, await draw(section, context, fields));
  const action = Object.hasOwn(section.actions, name) ? section.actions[name] : undefined;
  if (action === undefined) throw new AccessError('call_unknown', 404);
  try {
    const { says, advice = null, extra = {} } = await action(context, fields);
    const drawn = await draw(section, context, openBeside(fields) ?? new Map());
    const flag: FlagView = { kind: 'success', says, advice, code: 'done' };
    return shown(200, { ...drawn, view: { ...drawn.view, ...extra }, flag });
  } catch (error) {
    // What was typed is drawn again beside what is wrong with it; anything else is only a message, and the section stays.
    if (!(error instanceof InputError || error instanceof StateError)) throw error;
    const drawn = await draw(section, context, openBeside(fields) ?? fields);
    const { status, fields: problems } = problemOf(error);
    return shown(status, { ...drawn, view: { ...drawn.view, problems }, flag: flagOf(error) });
  }
}

/** `open` is the query of a form that stands open beside what was pressed; the page then puts back what was typed into it. */
function openBeside(fields: FormFields): FormFields | null {
  const query = fields.get('open');
  return query === undefined ? null : formFields(Object.fromEntries(new URLSearchParams(query)));
}

/** Asked again (cached over there): the right may have gone since the page was opened. */
async function demandWorkspaceAdmin(
  { services }: WorkspaceCallDeps,
  session: WorkspaceSession,
): Promise<void> {
  if (session.rights !== 'admin') throw new AccessError('not_workspace_admin', 403);
  const { workspaceUuid, userUuid } = session;
  const permission = await services.workspacePermission(workspaceUuid, userUuid);
  if (!mayChangeWorkspace(permission, session)) throw new AccessError('not_workspace_admin', 403);
}

function shown(status: number, section: SectionView): Answer {
  return { status, view: 'workspace/section', data: { section } };
}
