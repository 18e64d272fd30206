import { DataTypes, type ModelAttributeColumnOptions, type QueryInterface } from 'sequelize';

const inBytes = 'TEXT COLLATE "C"';

/**
 * Texts of PostgreSQL compare byte by byte, as those of SQLite do, whatever the language of the database: pages that go on
 * after the last name seen, ids that grow with time, and indexes that stay right when the operating system's idea of an
 * alphabet changes.
 */
export function inByteOrder(schema: QueryInterface): QueryInterface {
  if (schema.sequelize.getDialect() !== 'postgres') return schema;
  return new Proxy(schema, {
    get(target, name) {
      if (name === 'createTable') {
        return (table: string, columns: Record<string, ModelAttributeColumnOptions>) =>
          target.createTable(
            table,
            Object.fromEntries(
              Object.entries(columns).map(([column, options]) => [column, collated(options)]),
            ),
          );
      }
      if (name === 'addColumn') {
        return (table: string, column: string, options: ModelAttributeColumnOptions) =>
          target.addColumn(table, column, collated(options));
      }
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

function collated(options: ModelAttributeColumnOptions): ModelAttributeColumnOptions {
  return options.type === DataTypes.TEXT ? { ...options, type: inBytes } : options;
}
