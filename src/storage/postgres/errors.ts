import pg from 'pg';

/** Of errors that come from the connection itself, not from the server. */
export const connectionLost = 'CONNECTION_LOST';

/**
 * SQLSTATE classes and codes that say nothing about the statement, but that the database is away, full, read-only or ending:
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const databaseFailures = [
  // 08P01 is a statement of ours that is wrong.
  ...['0800', '53', '58', 'XX'],
  // Ended by an operator, by a crash, still starting; a statement or session that took too long.
  ...['57P', '57014', '25P03', '25P04'],
  // A standby, or a disk that was made read-only; a lock that nobody gave back in time.
  ...['25006', '55P03'],
  // Reconnecting is refused: role, password or database are not what they were.
  ...['28', '3D000'],
];
/** A newer version has changed a table that a prepared statement reads: prepared anew, it runs. */
export const staleStatement = '0A000';
const conflicts = ['40001', '40P01', staleStatement];

/** The whole transaction is gone, not just one job's part of it. */
export function isDatabaseFailure(code: string): boolean {
  return code === connectionLost || databaseFailures.some((start) => code.startsWith(start));
}

/** Somebody else was in the way; the same once more may do. */
export function isConflict(code: string): boolean {
  return conflicts.includes(code);
}

export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown error';
}

/** What the server says has a SQLSTATE; everything else is about the way to it. */
export function named(error: unknown): Error & { code: string } {
  const code = codeOf(error);
  if (error instanceof pg.DatabaseError || (error instanceof Error && code === connectionLost)) {
    return Object.assign(error, { code });
  }
  const detail = code === 'unknown error' && error instanceof Error ? error.message : code;
  const lost = new Error(`The connection to PostgreSQL is lost (${detail})`, { cause: error });
  return Object.assign(lost, { code: connectionLost });
}
