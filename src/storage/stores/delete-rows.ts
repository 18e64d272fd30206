import type { Sql, SqlValue } from '../sql.js';

export function marksFor(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}

export async function idsOf(
  sql: Sql,
  text: string,
  values: readonly SqlValue[],
): Promise<string[]> {
  const rows = await sql.all<{ id: string }>(text, values);
  return rows.map(({ id }) => id);
}

/** Every row whose column has one of the values. */
export async function deleteSome(
  sql: Sql,
  table: string,
  column: string,
  values: readonly string[],
): Promise<number> {
  if (values.length === 0) return 0;
  return sql.run(`DELETE FROM ${table} WHERE ${column} IN (${marksFor(values)})`, values);
}

/** Tables whose rows belong to one deployment, with their own key. */
const ofDeployment = [
  { table: 'attempts', key: 'id' },
  { table: 'status_reports', key: 'id' },
  { table: 'backend_reports', key: 'deployment_id' },
  { table: 'clone_grants', key: 'token_digest' },
] as const;

/** What hangs on the deployments first: a slice that is cut short leaves nothing that points nowhere. */
export async function deleteDeployments(
  sql: Sql,
  ids: readonly string[],
  maxRows: number,
): Promise<number> {
  if (ids.length === 0) return 0;
  let left = maxRows;
  for (const { table, key } of ofDeployment) {
    if (left === 0) return maxRows;
    left -= await sql.run(
      `DELETE FROM ${table} WHERE ${key} IN (
         SELECT ${key} FROM ${table} WHERE deployment_id IN (${marksFor(ids)}) LIMIT ?)`,
      [...ids, left],
    );
  }
  left -= await deleteSome(sql, 'deployments', 'id', ids.slice(0, left));
  return maxRows - left;
}

export async function deleteRefChanges(
  sql: Sql,
  ids: readonly string[],
  maxRows: number,
): Promise<number> {
  if (ids.length === 0) return 0;
  let left = maxRows;
  left -= await sql.run(
    `DELETE FROM decisions WHERE (ref_change_id, target_id) IN (
       SELECT ref_change_id, target_id FROM decisions WHERE ref_change_id IN (${marksFor(ids)}) LIMIT ?)`,
    [...ids, left],
  );
  left -= await deleteSome(sql, 'ref_changes', 'id', ids.slice(0, left));
  return maxRows - left;
}
