import { SequelizeStorage, Umzug } from 'umzug';
import type { Sequelize } from 'sequelize';
import { up as initial } from './0001-initial.js';
import { up as receivers } from './0002-receivers.js';
import { up as lanes } from './0004-lanes.js';
import { up as people } from './0005-people.js';
import { up as workspaceCredentials } from './0006-workspace-credentials.js';
import { up as hooks } from './0007-hooks.js';
import { up as connections } from './0009-connections.js';
import { up as followingTargets } from './0011-following-targets.js';
import { up as forge } from './0012-forge.js';
import { up as noticeChannels } from './0014-notice-channels.js';
import { up as audit } from './0015-audit.js';
import { up as lastWriter } from './0016-last-writer.js';
import { up as noBodies } from './0017-no-bodies.js';
import { up as nodes } from './0020-nodes.js';
import { up as personNames } from './0021-person-names.js';
import { inByteOrder } from './byte-order.js';

/** In order; names are stored and never change. Forward only: a backup is the way back. */
const migrations = [
  { name: '0001-initial', up: initial },
  { name: '0002-receivers', up: receivers },
  { name: '0004-lanes', up: lanes },
  { name: '0005-people', up: people },
  { name: '0006-workspace-credentials', up: workspaceCredentials },
  { name: '0007-hooks', up: hooks },
  { name: '0009-connections', up: connections },
  { name: '0011-following-targets', up: followingTargets },
  { name: '0012-forge', up: forge },
  { name: '0014-notice-channels', up: noticeChannels },
  { name: '0015-audit', up: audit },
  { name: '0016-last-writer', up: lastWriter },
  { name: '0017-no-bodies', up: noBodies },
  { name: '0020-nodes', up: nodes },
  { name: '0021-person-names', up: personNames },
];

/** In order. */
export const migrationNames: readonly string[] = migrations.map(({ name }) => name);

/** Brings the schema up to date; returns the names of what was applied. */
export async function migrate(sequelize: Sequelize): Promise<string[]> {
  const schema = inByteOrder(sequelize.getQueryInterface());
  const umzug = new Umzug({
    migrations: migrations.map(({ name, up }) => ({
      name,
      up: async () => up(schema),
    })),
    storage: new SequelizeStorage({ sequelize, tableName: 'migrations' }),
    logger: undefined,
  });
  const applied = await umzug.up();
  return applied.map(({ name }) => name);
}
