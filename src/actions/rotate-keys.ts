import type { Logger, Storage } from '../core/ports.js';
import { sealedColumns, type SealedColumn } from './sealed-columns.js';

export interface RotateDeps {
  storage: Storage;
  vault: {
    /** The master key that seals now. */
    readonly currentKeyId: string;
    /** The same value, its data key wrapped by the current master key. */
    rewrap(sealed: string, identity: string): string;
  };
  logger: Logger;
}

export interface Rotated {
  keyId: string;
  rewrapped: number;
  /** Values that no key at hand opens; they were left as they are. */
  unopened: number;
}

/** Small, so that a push that waits for the writer waits for milliseconds. */
const rowsPerSlice = 100;

/**
 * Rewraps the data keys of everything that is sealed with an older master key, a slice a transaction, while everything else
 * goes on. It may be killed at any moment and run again: what was rewrapped is left alone.
 */
export async function rotateKeys(deps: RotateDeps): Promise<Rotated> {
  const { currentKeyId: keyId } = deps.vault;
  const sum = { keyId, rewrapped: 0, unopened: 0 };
  for (const column of sealedColumns) {
    for (let after = ''; ;) {
      const slice = await rotateSlice(column, after, deps);
      sum.rewrapped += slice.rewrapped;
      sum.unopened += slice.unopened;
      if (slice.last === null) break;
      after = slice.last;
    }
  }
  deps.logger.info(sum, 'keys.rotated');
  return sum;
}

async function rotateSlice(
  column: SealedColumn,
  after: string,
  { storage, vault, logger }: RotateDeps,
) {
  return storage.write(async (tx) => {
    const rows = await tx.sealed.notUnder(vault.currentKeyId, column, after, rowsPerSlice);
    let rewrapped = 0;
    let unopened = 0;
    for (const { id, sealed } of rows) {
      try {
        const to = vault.rewrap(sealed, column.identity(id));
        if (await tx.sealed.replace(column, id, sealed, to)) rewrapped += 1;
      } catch (error) {
        logger.warn({ table: column.table, id, err: error }, 'keys.not_opened');
        unopened += 1;
      }
    }
    return {
      rewrapped,
      unopened,
      last: rows.length < rowsPerSlice ? null : (rows.at(-1)?.id ?? null),
    };
  });
}
