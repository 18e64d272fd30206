import { DataTypes, type QueryInterface } from 'sequelize';

/** What was sent to a backend and what came back; what a newer push does to a running deployment. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.addColumn('attempts', 'exchanges', { type: DataTypes.TEXT, allowNull: true });
  await schema.addColumn('targets', 'newer_push', {
    type: DataTypes.TEXT,
    allowNull: false,
    defaultValue: 'finish',
  });
}
