/**
 * Advisory locks of one database, as the two halves of their key. The first half is ours, so that another program in the same
 * database does not meet them.
 */
const slipway = 0x5117;

/** Held for the time of a writing transaction: one at a time in the whole cluster. */
export const writerKey = `${slipway}, 1`;
/** Held, shared, by the session of each node that writes: how many there are is how many hold it. */
export const presenceKey = `${slipway}, 2`;
/** Held while the schema is brought up to date. */
export const schemaKey = `${slipway}, 3`;

/** Number of nodes that are connected. */
export const countNodes = `SELECT count(*) AS nodes FROM pg_locks
  WHERE locktype = 'advisory' AND classid = ${slipway} AND objid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
