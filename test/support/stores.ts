import { join } from 'node:path';
import { readDatabase } from './e2e/database.js';
import { createEngine, type Engine, type EngineOptions } from './engine.js';
import { askPostgres, databaseOrSkip, migratedDatabase } from './postgres.js';

/** One of the two stores that everything has to work on. */
export interface TestStore {
  kind: 'sqlite' | 'postgres';
  /** On an empty database of its own, which goes away with `close`; with `databaseUrl`, on an earlier one's. */
  engine(options?: EngineOptions): Promise<Engine>;
  /** What is stored, past all of our own code. */
  rows(engine: Engine, statement: string): Promise<Record<string, unknown>[]>;
  /** Code of an error that says that the disk is full. */
  full: string;
}

const sqlite: TestStore = {
  kind: 'sqlite',
  engine: createEngine,
  rows: (engine, statement) => readDatabase(join(engine.dataDir, 'slipway.sqlite'), statement),
  full: 'SQLITE_FULL',
};

const postgres: TestStore = {
  kind: 'postgres',
  rows: (engine, statement) => askPostgres(engine.databaseUrl ?? '', statement),
  full: '53100',
  async engine(options = {}) {
    if (options.databaseUrl !== undefined) return createEngine(options);
    const database = await migratedDatabase();
    const engine = await createEngine({ ...options, databaseUrl: database.url });
    const close = engine.close.bind(engine);
    return Object.assign(engine, {
      async close() {
        await close();
        await database.drop();
      },
    });
  },
};

/** The same suite on SQLite and on PostgreSQL. */
export function describeOnStores(title: string, define: (store: TestStore) => void): void {
  describe(`${title} (SQLite)`, () => define(sqlite));
  describe(`${title} (PostgreSQL)`, () => {
    before('PostgreSQL', async function () {
      this.timeout(60_000);
      await (await databaseOrSkip(this)).drop();
    });
    define(postgres);
  });
}
