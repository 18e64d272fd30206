import { DataTypes, type ModelAttributes, type Sequelize } from 'sequelize';
import { powerOfTwo, type Sql, type SqlValue } from './sql.js';

/** How a field is kept. `json` is text with JSON in it; `flag` is 0 or 1, the same on both databases. */
export type ColumnKind = 'id' | 'text' | 'integer' | 'flag' | 'json';

export type Columns<Row> = { readonly [Field in keyof Row]-?: ColumnKind };

/** Of one INSERT; more rows take more statements. */
const maxRowsPerStatement = 256;

/**
 * One table: its Sequelize model, and the statements that run on the writer's bare connection, made from the same column
 * list. Sequelize's own transactions cannot be used for writing on SQLite: every transaction opens a connection of its own,
 * and overlapping ones end in SQLITE_BUSY.
 */
export class Table<Row extends object> {
  readonly name: string;
  readonly fields: readonly (keyof Row & string)[];
  readonly #columns: Columns<Row>;
  readonly #columnNames: readonly string[];
  readonly #selectHead: string;
  readonly #jsonInsertText: string;
  /** Text of an INSERT by number of rows, made once: building it for each batch costs more than running it. */
  readonly #insertTexts = new Map<number, string>();

  constructor(name: string, columns: Columns<Row>) {
    this.name = name;
    this.#columns = columns;
    this.fields = Object.keys(columns) as (keyof Row & string)[];
    this.#columnNames = this.fields.map(columnName);
    this.#jsonInsertText = this.insertFromJson('?');
    this.#selectHead = `SELECT ${this.fields.map(quoted).join(', ')} FROM ${name} WHERE`;
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

  /** `tail`: what follows the rows, for example an ON CONFLICT clause. */
  async insert(sql: Sql, rows: readonly Row[], tail = ''): Promise<void> {
    for (const chunk of chunksOf(rows)) {
      const { text, values } = this.#insertion(sql, chunk);
      await sql.run(`${text} ${tail}`, values);
    }
  }

  /** Inserts what is new and returns it: the ids that met no conflict. */
  async insertNew(sql: Sql, rows: readonly Row[], idField: keyof Row & string): Promise<string[]> {
    const ids: string[] = [];
    const tail = `ON CONFLICT DO NOTHING RETURNING ${quoted(idField)}`;
    for (const chunk of chunksOf(rows)) {
      const { text, values } = this.#insertion(sql, chunk);
      const inserted = await sql.all<Record<string, string>>(`${text} ${tail}`, values);
      for (const row of inserted) ids.push(row[columnName(idField)] ?? '');
    }
    return ids;
  }

  /** `where` is SQL after WHERE, with `?`; column names in snake_case. */
  async select(sql: Sql, where: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    const rows = await sql.all<Record<string, SqlValue>>(`${this.#selectHead} ${where}`, values);
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

  /**
   * Many rows by their id, each with values of its own: one statement for all that change the same fields. No id twice; one
   * that is not there changes nothing.
   */
  async updateMany(
    sql: Sql,
    idField: keyof Row & string,
    changes: readonly { id: string; patch: Partial<Row> }[],
  ): Promise<void> {
    const alike = new Map<string, { id: string; patch: Partial<Row> }[]>();
    for (const change of changes) {
      const key = this.fields.filter((field) => change.patch[field] !== undefined).join(' ');
      const group = alike.get(key);
      if (group) group.push(change);
      else if (key !== '') alike.set(key, [change]);
    }
    for (const [key, group] of alike) {
      const [only, ...more] = group;
      if (only && more.length === 0) {
        await this.update(sql, only.patch, `${quoted(idField)} = ?`, [only.id]);
        continue;
      }
      // Cast: made from `this.fields` above.
      const fields = key.split(' ') as (keyof Row & string)[];
      await this.#updateGroup(sql, idField, fields, group);
    }
  }

  async #updateGroup(
    sql: Sql,
    idField: keyof Row & string,
    fields: readonly (keyof Row & string)[],
    group: readonly { id: string; patch: Partial<Row> }[],
  ): Promise<void> {
    const types = [idField, ...fields].map((field) => this.#sqlType(field));
    const names = fields.map(quoted);
    for (const chunk of chunksOf(group)) {
      const rows = chunk.map(({ id, patch }) => [
        id,
        ...fields.map((field) => this.#write(field, patch[field])),
      ]);
      const { text, values } = valuesOf(rows, types);
      await sql.run(
        `WITH change ("id", ${names.join(', ')}) AS (${text})
         UPDATE ${this.name} SET ${names.map((name) => `${name} = change.${name}`).join(', ')}
         FROM change WHERE ${this.name}.${quoted(idField)} = change."id"`,
        values,
      );
    }
  }

  #sqlType(field: keyof Row): 'BIGINT' | 'TEXT' {
    const kind = this.#columns[field];
    return kind === 'integer' || kind === 'flag' ? 'BIGINT' : 'TEXT';
  }

  /** From a raw row with snake_case names. */
  read(raw: Readonly<Record<string, SqlValue>>): Row {
    const row: Record<string, unknown> = {};
    for (const [index, field] of this.fields.entries()) {
      row[field] = this.#parse(field, raw[this.#columnNames[index] ?? field] ?? null);
    }
    return row as Row;
  }

  #insertion(sql: Sql, rows: readonly Row[]): { text: string; values: SqlValue[] } {
    if (rows.length === 1 || !sql.rowsAsJson) {
      return { text: this.#insertText(rows.length), values: this.#flatten(rows) };
    }
    return { text: this.#jsonInsertText, values: [this.jsonOf(rows)] };
  }

  /** SQLite: an INSERT of the rows that `source`, an expression, holds as `jsonOf` makes them. */
  insertFromJson(source: string): string {
    const names = this.fields.map(quoted).join(', ');
    const given = this.fields.map((_, index) => `value ->> ${index}`).join(', ');
    // Without WHERE, an ON CONFLICT that follows would be taken for the ON of a join.
    return `INSERT INTO ${this.name} (${names}) SELECT ${given} FROM jsonb_each(${source}) WHERE true`;
  }

  /** An array of arrays, in the order of `fields`. */
  jsonOf(rows: readonly Row[]): string {
    return storableJson(
      rows.map((row) => this.fields.map((field) => this.#write(field, row[field]))),
    );
  }

  /**
   * For `rows` rows or up to the next power of two: a statement that was prepared for 64 also takes 37, so that a handful of
   * prepared statements fits every batch. Values that are not given are NULL, and a row without its first column is none.
   */
  #insertText(rows: number): string {
    const size = powerOfTwo(rows);
    let text = this.#insertTexts.get(size);
    if (text === undefined) {
      const columns = this.fields.map(quoted).join(', ');
      const one = `(${this.fields.map(() => '?').join(', ')})`;
      const all = Array.from({ length: size }, () => one).join(', ');
      const head = `INSERT INTO ${this.name} (${columns})`;
      text =
        size === 1
          ? `${head} VALUES ${one}`
          : `${head} SELECT ${this.#typedColumns()} FROM (VALUES ${all}) AS given WHERE column1 IS NOT NULL`;
      this.#insertTexts.set(size, text);
    }
    return text;
  }

  /** `column1` and so on are what both databases call the columns of a VALUES list; PostgreSQL takes them for text. */
  #typedColumns(): string {
    const typed = this.fields.map((field, index) => {
      const column = `column${index + 1}`;
      const kind = this.#columns[field];
      return kind === 'integer' || kind === 'flag' ? `CAST(${column} AS BIGINT)` : column;
    });
    return typed.join(', ');
  }

  #flatten(rows: readonly Row[]): SqlValue[] {
    const values: SqlValue[] = [];
    for (const row of rows) {
      for (const field of this.fields) values.push(this.#write(field, row[field]));
    }
    return values;
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

function* chunksOf<Row>(rows: readonly Row[]): Generator<readonly Row[]> {
  for (let start = 0; start < rows.length; start += maxRowsPerStatement) {
    yield rows.length <= maxRowsPerStatement
      ? rows
      : rows.slice(start, start + maxRowsPerStatement);
  }
}

/**
 * A VALUES list with its placeholders. Filled up with rows of nulls to a power of two, so that few statements have to be
 * prepared; a null id joins nothing. The casts of the first row tell Postgres the types.
 */
export function valuesOf(
  rows: readonly (readonly SqlValue[])[],
  types: readonly string[],
): { text: string; values: SqlValue[] } {
  const size = powerOfTwo(rows.length);
  const first = `(${types.map((type) => `CAST(? AS ${type})`).join(', ')})`;
  const other = `(${types.map(() => '?').join(', ')})`;
  const text = `VALUES ${[first, ...Array.from({ length: size - 1 }, () => other)].join(', ')}`;
  const missing = Array.from({ length: (size - rows.length) * types.length }, () => null);
  return { text, values: [...rows.flat(), ...missing] };
}

/**
 * NUL would end a text for SQLite, and half a character outside the basic plane is none: the replacement character stands for
 * both, as it does where texts are handed over one by one. `JSON.stringify` escapes just these two with `\u0` and `\ud`.
 */
function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!json.includes('\\u0000') && !json.includes('\\ud')) return json;
  return json.replace(/(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g, '$1\uFFFD');
}

export function columnName(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function quoted(field: string): string {
  return `"${columnName(field)}"`;
}
