import { DataTypes, Op, type QueryInterface } from 'sequelize';

/** What was sent to a backend and what came back; what a newer push does to a running deployment; what is owed, by commit. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.addColumn('attempts', 'exchanges', { type: DataTypes.TEXT, allowNull: true });
  await schema.addColumn('targets', 'newer_push', {
    type: DataTypes.TEXT,
    allowNull: false,
    defaultValue: 'finish',
  });
  // Which of the reports of one commit is the oldest is asked for each that is owed: with Bitbucket away, these are many.
  await schema.addIndex('status_reports', ['commit', 'key', 'id'], {
    name: 'status_reports_owed',
    where: { due_at: { [Op.ne]: null } },
  });
}
