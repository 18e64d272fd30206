import sqlite3 from 'sqlite3';

export type Row = Record<string, string | number | null>;

/** Looks into the database of a running server, as somebody with sqlite3 on the command line would; changes nothing. */
export function readDatabase(
  file: string,
  sql: string,
  values: readonly (string | number)[] = [],
): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(file, sqlite3.OPEN_READONLY, (error) => {
      if (error) reject(error);
    });
    database.configure('busyTimeout', 5_000);
    database.all<Row>(sql, values, (error, rows) => {
      database.close();
      if (error) reject(error);
      else resolve(rows);
    });
  });
}
