import type { WriterDialect } from '../group-commit-writer.js';

const databaseFailures = [
  ...['SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_READONLY', 'SQLITE_BUSY', 'SQLITE_NOMEM'],
  'SQLITE_CORRUPT',
];

export const sqliteDialect: WriterDialect = {
  begin: 'BEGIN IMMEDIATE',
  commitAndBegin: 'COMMIT; BEGIN IMMEDIATE',
  // Only BEGIN can find the file busy: whoever commits in a write-ahead log holds its lock. So the commit is done.
  couldNotBegin: (code) => code === 'SQLITE_BUSY',
  isDatabaseFailure: (code) => databaseFailures.includes(code),
  // Nobody else writes.
  isConflict: () => false,
};
