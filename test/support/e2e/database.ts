import pg from 'pg';
import sqlite3 from 'sqlite3';

export type Row = Record<string, string | number | null>;

/**
 * Looks into the database of a running server, as somebody with sqlite3 or psql on the command line would; changes nothing.
 *
 * @param database a file, or `postgres://…`; `values` for files only
 */
export function readDatabase(
  database: string,
  sql: string,
  values: readonly (string | number)[] = [],
): Promise<Row[]> {
  return database.startsWith('postgres:')
    ? readServer(database, sql)
    : readFile(database, sql, values);
}

function readFile(file: string, sql: string, values: readonly (string | number)[]): Promise<Row[]> {
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

async function readServer(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  // int8 comes as text; ours are times and counters.
  client.setTypeParser(pg.types.builtins.INT8, Number);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
