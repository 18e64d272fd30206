export type SqlValue = string | number | null;

/**
 * One connection as the stores see it: SQL with `?` placeholders that both SQLite and PostgreSQL understand. Inside a unit
 * of work it is the writer's connection; elsewhere a reader's.
 */
export interface Sql {
  all<Row>(text: string, values?: readonly SqlValue[]): Promise<Row[]>;
  /** Number of rows changed. */
  run(text: string, values?: readonly SqlValue[]): Promise<number>;
}
