import { DataTypes, type QueryInterface } from 'sequelize';

const text = { type: DataTypes.TEXT, allowNull: true } as const;
const integer = { type: DataTypes.BIGINT, allowNull: true } as const;

/** Targets that wait for another one, and what waits there. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.addColumn('targets', 'after_target_id', text);
  const promote = { type: DataTypes.TEXT, allowNull: false, defaultValue: 'automatic' } as const;
  await schema.addColumn('targets', 'promote', promote);
  await schema.addColumn('deployments', 'waits_for', text);
  await schema.addColumn('deployments', 'approval_until', integer);
  await schema.addColumn('deployments', 'approved_by', text);
  await schema.addIndex('deployments', ['waits_for']);
}
