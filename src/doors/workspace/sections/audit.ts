import type { Reader } from '../../../core/ports.js';
import { textOf, type FormFields } from '../../panel/form-fields.js';
import { timeView, type TimeView } from '../../panel/view/time.js';
import type { WorkspaceContext, WorkspaceSection } from '../section.js';

export interface AuditDeps {
  read: Reader;
}

const pageSize = 25;

/** Who changed what in this workspace. */
export function auditSection(deps: AuditDeps): WorkspaceSection {
  return {
    key: 'audit',
    title: 'Who changed what',
    help: 'Changes to targets, webhooks, connections and credentials. What was deployed by whom stands on each repository’s page.',
    adminOnly: true,
    load: (context, fields) => load(deps, context, fields),
    actions: {},
  };
}

interface AuditRow {
  by: string;
  says: string;
  at: TimeView;
}

async function load(
  { read }: AuditDeps,
  { workspace, now }: WorkspaceContext,
  fields: FormFields,
): Promise<object> {
  const before = textOf(fields, 'before');
  const found = await read.audit.recent(workspace.uuid, {
    limit: pageSize + 1,
    ...(before === '' ? {} : { before }),
  });
  const shown = found.slice(0, pageSize);
  const rows: AuditRow[] = shown.map(({ by, says, at }) => ({ by, says, at: timeView(at, now) }));
  const path = '/panel/workspace/sections/audit';
  const last = shown.at(-1)?.id;
  return {
    rows,
    isFirstPage: before === '',
    path,
    morePath: found.length > pageSize && last !== undefined ? `${path}?before=${last}` : null,
  };
}
