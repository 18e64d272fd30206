import { Socket } from 'node:net';
import pg from 'pg';
import { parse, toClientConfig } from 'pg-connection-string';
import { ConfigError } from '../../core/errors.js';
import type { SqlValue } from '../sql.js';
import { codeOf, named } from './errors.js';
import { connectMs } from './limits.js';

/** int8 is kept as text by the driver; ours are times, counters and flags, all far below 2^53. */
const int8: number = pg.types.builtins.INT8;

export const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    Number(oid) === int8
      ? Number
      : (pg.types.getTypeParser(oid, format) as (text: string) => unknown),
};

/** Of a node's connections at the server: `SELECT application_name FROM pg_stat_activity`. */
const applicationName = 'slipway';

/**
 * What every connection of ours is opened with. Throws `ConfigError` when a file that the address names cannot be read.
 * Which values of `sslmode` come here, see `parseDatabaseUrl`.
 */
export function clientConfig(url: string): pg.ClientConfig {
  return {
    ...driverConfig(url),
    application_name: applicationName,
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types,
  };
}

/** The driver by itself takes `require` for `verify-full`; the option has it mean what PostgreSQL's own documentation says. */
function driverConfig(text: string): pg.ClientConfig {
  const url = new URL(text);
  url.searchParams.delete('uselibpqcompat');
  // The driver would read a file of that name. Without one, Node's own authorities count.
  if (url.searchParams.get('sslrootcert') === 'system') url.searchParams.delete('sslrootcert');
  try {
    return toClientConfig(parse(url.href, { useLibpqCompat: true }));
  } catch (error) {
    const { path } = error as NodeJS.ErrnoException;
    if (path === undefined) throw error;
    const name = tlsFiles.find((one) => url.searchParams.get(one) === path) ?? 'a file';
    throw new ConfigError([
      `DATABASE_URL names ${name} ${path}, which cannot be read (${codeOf(error)}).`,
    ]);
  }
}

const tlsFiles = ['sslrootcert', 'sslcert', 'sslkey'];

export interface SessionLimits {
  statementMs: number;
  lockMs?: number;
  idleInTransactionMs?: number;
  /**
   * A plan that was made while a table was small is kept until its statistics are gathered anew, minutes later. `kept`: statements
   * that run all day are planned once, always by an index; `fresh`: each for its own values.
   */
  plans: 'kept' | 'fresh';
}

/** Settings of a session. With SET and not at connect, so that a pooler in between lets them through. */
export function setUp(limits: SessionLimits): string {
  return [
    `SET statement_timeout = ${limits.statementMs}`,
    `SET lock_timeout = ${limits.lockMs ?? 0}`,
    `SET idle_in_transaction_session_timeout = ${limits.idleInTransactionMs ?? 0}`,
    limits.plans === 'kept'
      ? 'SET enable_seqscan = off'
      : 'SET plan_cache_mode = force_custom_plan',
    // A machine that is gone without a word is noticed within a minute.
    'SET tcp_keepalives_idle = 30',
    'SET tcp_keepalives_interval = 5',
    'SET tcp_keepalives_count = 4',
    `SET default_transaction_isolation = 'read committed'`,
    // A commit that is answered survives a crash of the server, whatever it or the role prefers.
    `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`,
  ].join('; ');
}

export interface Statement {
  name?: string;
  text: string;
  values: SqlValue[];
}

/** As many as are worth being prepared; lists of every length would fill the server's memory. */
const maxPrepared = 1_000;

interface Known {
  name: string | null;
  text: string;
  parameters: number;
}

const known = new Map<string, Known>();

/**
 * The same statement for the server: `$1` in place of `?`, a name under which it is prepared once per connection. Values that
 * are not given are NULL, as on SQLite.
 */
export function statementOf(text: string, values: readonly SqlValue[]): Statement {
  let statement = known.get(text);
  if (statement === undefined) {
    const name = known.size < maxPrepared ? `slipway_${known.size}` : null;
    statement = { name, ...numbered(text) };
    if (name !== null) known.set(text, statement);
  }
  const stored = values.map(storable);
  while (stored.length < statement.parameters) stored.push(null);
  return {
    ...(statement.name === null ? {} : { name: statement.name }),
    text: statement.text,
    values: stored,
  };
}

/** No statement of ours has a question mark in a literal. */
function numbered(text: string): { text: string; parameters: number } {
  let parameters = 0;
  return { text: text.replace(/\?/g, () => `$${++parameters}`), parameters };
}

/**
 * PostgreSQL has no NUL in text. Bitbucket sends none; whoever can sign a delivery could, and a push that cannot be recorded
 * would be sent again and again.
 */
function storable(value: SqlValue): SqlValue {
  return typeof value === 'string' && value.includes('\0')
    ? value.replaceAll('\0', '\uFFFD')
    : value;
}

/**
 * One connection whose statements are sent without waiting for the answers of those before: they run one after the other all
 * the same. Ends when the server does not answer in time.
 */
export class Session {
  readonly #client: pg.Client;
  readonly #socket: Socket;
  readonly #watch: NodeJS.Timeout;
  #unanswered = 0;
  #lost: Error | null = null;

  private constructor(client: pg.Client, socket: Socket, answerMs: number) {
    this.#client = client;
    this.#socket = socket;
    this.#watch = setTimeout(() => {
      if (this.#unanswered > 0) this.destroy(new Error('no answer in time'));
    }, answerMs);
    this.#watch.unref();
  }

  /** @param answerMs how long one statement may take before the connection is given up */
  static async open(url: string, answerMs: number, limits: SessionLimits): Promise<Session> {
    const socket = new Socket();
    const client = new pg.Client({ ...clientConfig(url), stream: () => socket, pipeline: true });
    const session = new Session(client, socket, answerMs);
    client.on('error', (error) => session.#lose(error));
    client.on('end', () => session.#lose(new Error('ended by the server')));
    try {
      await client.connect();
      await session.exec(setUp(limits));
      return session;
    } catch (error) {
      session.destroy(error);
      throw named(error);
    }
  }

  get isLost(): boolean {
    return this.#lost !== null;
  }

  async query<Row extends object>(statement: Statement): Promise<pg.QueryResult<Row>> {
    return this.#ask(() => this.#client.query<Row>(statement));
  }

  /** One or more statements without values; the results of all of them. */
  async exec(text: string): Promise<pg.QueryResult[]> {
    const results: pg.QueryResult | pg.QueryResult[] = await this.#ask(() =>
      this.#client.query(text),
    );
    return Array.isArray(results) ? results : [results];
  }

  async #ask<Answer>(send: () => Promise<Answer>): Promise<Answer> {
    if (this.#lost) throw named(this.#lost);
    this.#unanswered += 1;
    this.#watch.refresh();
    try {
      return await send();
    } catch (error) {
      throw named(this.#lost ?? error);
    } finally {
      this.#unanswered -= 1;
      this.#watch.refresh();
    }
  }

  /** Nothing more is asked of it, and nothing that was is answered any more. */
  destroy(why: unknown): void {
    this.#lose(why);
    this.#socket.destroy();
  }

  async close(): Promise<void> {
    clearTimeout(this.#watch);
    if (!this.#lost) await this.#client.end().catch(() => undefined);
    this.#socket.destroy();
  }

  #lose(why: unknown): void {
    this.#lost ??= why instanceof Error ? why : new Error('lost', { cause: why });
    clearTimeout(this.#watch);
  }
}
