import type { Hook, OAuthGrant, WorkspaceCredential } from '../core/model/index.js';
import type { ClusterNode } from '../core/cluster.js';
import {
  hooks,
  nodes,
  oauthGrants,
  repositories,
  workspaceCredentials,
  workspaces,
} from './models/index.js';
import { migrationNames } from './migrations/index.js';
import type { StoragePlace } from './open-read-only.js';
import { examinePostgres, type PostgresFacts } from './postgres/examine.js';
import { openReadOnly } from './read-only.js';
import { sealingKeys } from './sealing-keys.js';
import type { Sql } from './sql.js';

/** What a look into the database says, without changing anything. */
export interface Examination {
  /** Null: the database is SQLite. */
  postgres: PostgresFacts | null;
  /** SQLite's own words; null: sound. PostgreSQL's health is its operator's to look after. */
  damage: string | null;
  /** Of SQLite; null on PostgreSQL. */
  journalMode: string | null;
  /** Names of migrations that this version has and the database has not seen. */
  pending: string[];
  /** Names that this version does not know: the database was used by a later one. */
  unknown: string[];
  /** Fingerprint of a master key → how many values it seals. */
  sealedBy: Map<string, number>;
  hooks: (Hook & { repository: string })[];
  grants: OAuthGrant[];
  credentials: (WorkspaceCredential & { workspace: string })[];
  activeConnectApps: number;
  /** Also those that are away. */
  nodes: ClusterNode[];
  /** Lanes with work that only one node may do, by node. */
  waitingOn: { node: string; lanes: number }[];
}

type Rows = Pick<
  Examination,
  'hooks' | 'grants' | 'credentials' | 'activeConnectApps' | 'nodes' | 'waitingOn'
>;

const nothing: Rows = {
  ...{ hooks: [], grants: [], credentials: [], activeConnectApps: 0 },
  ...{ nodes: [], waitingOn: [] },
};

/** Reads beside a running server. Throws like `openAnyReadOnly`. */
export function examineDatabase(
  { dataDir, databaseUrl }: StoragePlace,
  now: () => number,
): Promise<Examination> {
  return databaseUrl === null ? examineFile(dataDir) : examineServer(databaseUrl, now);
}

async function examineServer(url: string, now: () => number): Promise<Examination> {
  const server = await examinePostgres(url, now);
  try {
    const { facts, applied, sql } = server;
    const sealedBy = applied.length === 0 ? new Map<string, number>() : await server.sealedBy();
    const stored = await examined({ sql, applied, sealedBy });
    return { postgres: facts, damage: null, journalMode: null, ...stored };
  } finally {
    await server.close();
  }
}

async function examineFile(dataDir: string): Promise<Examination> {
  const storage = await openReadOnly(dataDir);
  const { sql } = storage;
  try {
    const [check] = await sql.all<{ quick_check: string }>('PRAGMA quick_check(1)');
    const [journal] = await sql.all<{ journal_mode: string }>('PRAGMA journal_mode');
    const applied = await appliedMigrations(sql);
    return {
      postgres: null,
      damage: check?.quick_check === 'ok' ? null : (check?.quick_check ?? 'unreadable'),
      journalMode: journal?.journal_mode ?? 'unknown',
      ...(await examined({ sql, applied, sealedBy: await sealingKeys(sql) })),
    };
  } finally {
    await storage.close();
  }
}

async function examined({
  sql,
  applied,
  sealedBy,
}: {
  sql: Sql;
  applied: readonly string[];
  sealedBy: Map<string, number>;
}): Promise<Omit<Examination, 'postgres' | 'damage' | 'journalMode'>> {
  const pending = migrationNames.filter((name) => !applied.includes(name));
  return {
    pending,
    unknown: applied.filter((name) => !migrationNames.includes(name)),
    sealedBy,
    // Their tables may not be there yet.
    ...(pending.length === 0 ? await rows(sql) : nothing),
  };
}

async function appliedMigrations(sql: Sql): Promise<string[]> {
  const found = await sql.all<{ name: string }>(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'migrations'`,
  );
  if (found.length === 0) return [];
  const applied = await sql.all<{ name: string }>('SELECT name FROM migrations ORDER BY name');
  return applied.map(({ name }) => name);
}

async function rows(sql: Sql): Promise<Rows> {
  const active = await hooks.select(sql, `state = 'active' ORDER BY id`);
  const named: Examination['hooks'] = [];
  for (const hook of active) {
    const repository = await repositories.one(sql, 'id = ?', [hook.repositoryId]);
    named.push({ ...hook, repository: repository?.fullName ?? repository?.uuid ?? 'unknown' });
  }
  const credentials: Rows['credentials'] = [];
  for (const credential of await workspaceCredentials.select(sql, '1 = 1 ORDER BY id')) {
    const workspace = await workspaces.one(sql, 'uuid = ?', [credential.workspaceUuid]);
    credentials.push({ ...credential, workspace: workspace?.slug ?? credential.workspaceUuid });
  }
  const [apps] = await sql.all<{ number: number }>(
    `SELECT count(*) AS number FROM installations WHERE door = 'connect' AND state = 'active'`,
  );
  const waiting = await sql.all<{ node: string; number: number }>(
    'SELECT node, count(*) AS number FROM lanes WHERE node IS NOT NULL AND due_at IS NOT NULL GROUP BY node',
  );
  return {
    nodes: await nodes.select(sql, '1 = 1 ORDER BY name, id'),
    waitingOn: waiting.map(({ node, number }) => ({ node, lanes: Number(number) })),
    hooks: named,
    credentials,
    grants: await oauthGrants.select(sql, '1 = 1 ORDER BY lapses_at'),
    activeConnectApps: Number(apps?.number ?? 0),
  };
}
