import { DataTypes, type ModelAttributes, type Sequelize } from 'sequelize';
import type { Sql, SqlValue } from './sql.js';

/** How a field is kept. `json` is text with JSON in it; `flag` is 0 or 1, the same on both databases. */
export type ColumnKind = 'id' | 'text' | 'integer' | 'flag' | 'json';

export type Columns<Row> = { readonly [Field in keyof Row]-?: ColumnKind };

/** SQLite allows 32,766 placeholders a statement. */
const maxPlaceholders = 30_000;

/**
 * One table: its Sequelize model, and the statements that run on the writer's bare connection, made from the same column
 * list. Sequelize's own transactions cannot be used for writing on SQLite: every transaction opens a connection of its own,
 * and overlapping ones end in SQLITE_BUSY.
 */
export class Table<Row extends object> {
  readonly name: string;
  readonly fields: readonly (keyof Row & string)[];
  readonly #columns: Columns<Row>;

  constructor(name: string, columns: Columns<Row>) {
    this.name = name;
    this.#columns = columns;
    this.fields = Object.keys(columns) as (keyof Row & string)[];
  }

  /** Registers the model, so that pages, migrations and tests see the same table. */
  define(sequelize: Sequelize): void {
    const attributes: ModelAttributes = {};
    for (const field of this.fields) {
      const kind = this.#columns[field];
      attributes[field] = {
        field: columnName(field),
        type: kind === 'integer' || kind === 'flag' ? DataTypes.BIGINT : DataTypes.TEXT,
        ...(kind === 'id' ? { primaryKey: true } : {}),
      };
    }
    sequelize.define(this.name, attributes, { tableName: this.name, timestamps: false });
  }

  /** `tail`: what follows the VALUES, for example an ON CONFLICT clause. */
  async insert(sql: Sql, rows: readonly Row[], tail = ''): Promise<void> {
    const perStatement = Math.floor(maxPlaceholders / this.fields.length);
    for (let start = 0; start < rows.length; start += perStatement) {
      const chunk = rows.slice(start, start + perStatement);
      await sql.run(
        `${this.#insertHead()} ${this.#valuesFor(chunk.length)} ${tail}`,
        this.#flatten(chunk),
      );
    }
  }

  /** Inserts what is new and returns it: the ids that met no conflict. */
  async insertNew(sql: Sql, rows: readonly Row[], idField: keyof Row & string): Promise<string[]> {
    const ids: string[] = [];
    const perStatement = Math.floor(maxPlaceholders / this.fields.length);
    for (let start = 0; start < rows.length; start += perStatement) {
      const chunk = rows.slice(start, start + perStatement);
      const inserted = await sql.all<Record<string, string>>(
        `${this.#insertHead()} ${this.#valuesFor(chunk.length)} ON CONFLICT DO NOTHING RETURNING ${quoted(idField)}`,
        this.#flatten(chunk),
      );
      ids.push(...inserted.map((row) => row[columnName(idField)] ?? ''));
    }
    return ids;
  }

  /** `where` is SQL after WHERE, with `?`; column names in snake_case. */
  async select(sql: Sql, where: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    const columns = this.fields.map(quoted).join(', ');
    const rows = await sql.all<Record<string, SqlValue>>(
      `SELECT ${columns} FROM ${this.name} WHERE ${where}`,
      values,
    );
    return rows.map((row) => this.read(row));
  }

  async one(sql: Sql, where: string, values: readonly SqlValue[] = []): Promise<Row | null> {
    const rows = await this.select(sql, `${where} LIMIT 1`, values);
    return rows[0] ?? null;
  }

  /** Number of rows changed. An empty patch changes nothing. */
  async update(
    sql: Sql,
    patch: Partial<Row>,
    where: string,
    values: readonly SqlValue[],
  ): Promise<number> {
    const fields = this.fields.filter((field) => patch[field] !== undefined);
    if (fields.length === 0) return 0;
    const sets = fields.map((field) => `${quoted(field)} = ?`).join(', ');
    const written = fields.map((field) => this.#write(field, patch[field]));
    return sql.run(`UPDATE ${this.name} SET ${sets} WHERE ${where}`, [...written, ...values]);
  }

  /** From a raw row with snake_case names. */
  read(raw: Readonly<Record<string, SqlValue>>): Row {
    const row: Record<string, unknown> = {};
    for (const field of this.fields)
      row[field] = this.#parse(field, raw[columnName(field)] ?? null);
    return row as Row;
  }

  #insertHead(): string {
    return `INSERT INTO ${this.name} (${this.fields.map(quoted).join(', ')}) VALUES`;
  }

  #valuesFor(rows: number): string {
    const one = `(${this.fields.map(() => '?').join(', ')})`;
    return Array.from({ length: rows }, () => one).join(', ');
  }

  #flatten(rows: readonly Row[]): SqlValue[] {
    return rows.flatMap((row) => this.fields.map((field) => this.#write(field, row[field])));
  }

  #write(field: keyof Row, value: unknown): SqlValue {
    if (value === null || value === undefined) return null;
    switch (this.#columns[field]) {
      case 'json':
        return JSON.stringify(value);
      case 'flag':
        return value === true ? 1 : 0;
      default:
        return value as SqlValue;
    }
  }

  #parse(field: keyof Row, value: SqlValue): unknown {
    if (value === null) return null;
    switch (this.#columns[field]) {
      case 'json':
        return JSON.parse(String(value)) as unknown;
      case 'flag':
        return Number(value) === 1;
      case 'integer':
        return Number(value);
      default:
        return value;
    }
  }
}

export function columnName(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function quoted(field: string): string {
  return `"${columnName(field)}"`;
}
