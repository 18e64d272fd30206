import { DataTypes, type QueryInterface } from 'sequelize';

const text = { type: DataTypes.TEXT, allowNull: false } as const;

/** Who changed what. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.createTable('audit_entries', {
    id: { type: DataTypes.TEXT, primaryKey: true, allowNull: false },
    workspace_uuid: text,
    repository_id: { type: DataTypes.TEXT, allowNull: true },
    by: text,
    says: text,
    at: { type: DataTypes.BIGINT, allowNull: false },
  });
  await schema.addIndex('audit_entries', ['workspace_uuid', 'id']);
}
