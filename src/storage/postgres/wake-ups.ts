import type { Clock, Transaction } from '../../core/ports.js';
import { laneTaskOf, wakeUps } from '../../core/wake-ups.js';
import { allSettled } from '../../lib/settled.js';
import { listOf, type Sql } from '../sql.js';

export interface RingingTransaction {
  /** Runs work of one caller, and adds its wake-ups in the same transaction. */
  run<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
}

/**
 * Adds a job for the waker (`src/queue/graphile-waker.ts`) where a lane becomes due that was not, and only there: a job for
 * every lane that is touched would cost intake most of its speed. One that is leased within the same work needs none, and one
 * that becomes due later is found by the sweep.
 *
 * One job a lane, under the lane's key, all of them added by one statement at the end of the work.
 */
export function ringing(
  tx: Transaction,
  sql: Sql,
  { now, wanted }: { now: Clock; wanted: () => boolean },
): RingingTransaction {
  /** Task of the job by target. */
  const due = new Map<string, string>();
  const lanes: Transaction['lanes'] = {
    ...tx.lanes,
    async wake(targetIds, at, options) {
      const isNow = targetIds.length > 0 && at <= now() && wanted();
      // Sent one behind the other: what is asked is how it was before.
      const [idle] = await allSettled([
        isNow ? idleLanes(sql, targetIds, at) : Promise.resolve([]),
        tx.lanes.wake(targetIds, at, options),
      ]);
      for (const { target_id: id, node } of idle) {
        due.set(id, node === null ? wakeUps.laneTask : laneTaskOf(node));
      }
    },
    async claim(...wish) {
      const claimed = await tx.lanes.claim(...wish);
      for (const { lease } of claimed) due.delete(lease.targetId);
      return claimed;
    },
  };
  const ringingTx = { ...tx, lanes };
  return {
    async run(work) {
      // The writer runs work again when something else of its transaction failed.
      due.clear();
      const result = await work(ringingTx);
      if (due.size > 0) await addJobs(sql, due);
      due.clear();
      return result;
    },
  };
}

function idleLanes(
  sql: Sql,
  targetIds: readonly string[],
  at: number,
): Promise<{ target_id: string; node: string | null }[]> {
  const { marks, values } = listOf(targetIds);
  return sql.all(
    `SELECT target_id, node FROM lanes
     WHERE target_id IN (${marks}) AND (due_at IS NULL OR due_at > ?)`,
    [...values, at],
  );
}

/** A wake-up is tried once: should it be lost, the sweep finds its lane. */
async function addJobs(sql: Sql, due: ReadonlyMap<string, string>): Promise<void> {
  const { schema } = wakeUps;
  const rows = [...due].map(([lane, task]) => ({ lane, task }));
  await sql.all(
    `SELECT count(*) FROM ${schema}.add_jobs(ARRAY(
       SELECT ROW(task, json_build_object('lane', lane), NULL, NULL, 1, lane, NULL, NULL)::${schema}.job_spec
       FROM json_to_recordset(?::json) AS due(lane text, task text)))`,
    [JSON.stringify(rows)],
  );
}
