/**
 * How long the database may keep us waiting, ms. Bitbucket gives a delivery ten seconds, so whoever waits for a commit is
 * answered within them, if need be with 503. Told to the server, too, so that it ends what a node that is gone had begun:
 * writers of all nodes wait for each other.
 */
export const connectMs = 3_000;
/** A node that was stopped in the middle of a transaction holds up the others no longer than this. */
export const idleInTransactionMs = 4_000;
/** Longer than what the one before may take. */
export const lockMs = 6_000;
export const writeStatementMs = 8_000;
export const readStatementMs = 15_000;
/** Beyond the server's own limits nothing will come any more: the machine or the network is gone. */
export const graceMs = 2_000;
/** Connections for reading, per node; the writer has one of its own. */
export const readers = 8;
export const idleReaderMs = 30_000;

/** Between two tries to connect, growing from the first to the last: whoever writes meanwhile is answered at once. */
export const reconnectMs = { first: 50, last: 1_000 } as const;
