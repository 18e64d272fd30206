import { openPostgresReadOnly } from './postgres/read-only.js';
import { openReadOnly, type ReadOnlyStorage } from './read-only.js';

/** Where the database is: `databaseUrl`, or SQLite in the data folder. */
export interface StoragePlace {
  dataDir: string;
  databaseUrl: string | null;
}

/** Reads beside a running server, on either database. Throws like the functions it leads to. */
export function openAnyReadOnly({ dataDir, databaseUrl }: StoragePlace): Promise<ReadOnlyStorage> {
  return databaseUrl === null ? openReadOnly(dataDir) : openPostgresReadOnly(databaseUrl);
}
