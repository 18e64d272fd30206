import type { DeliveryRow } from '../core/care.js';
import { printable } from './io.js';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Without the address of its page, which opens for whoever knows it. */
export function deliveryJson(row: DeliveryRow): object {
  const { pageToken: _, ...deployment } = row.deployment;
  const { workspace, repository, target, backend, attempts, nextTryAt } = row;
  return { ...deployment, workspace, repository, target, backend, attempts, nextTryAt };
}

/** One line each, and what is worth saying below it. */
export function listing(rows: readonly DeliveryRow[], now: number): string {
  if (rows.length === 0) return 'No deployments.\n';
  return rows.map((row) => `${summary(row, now)}\n`).join('');
}

export function summary(row: DeliveryRow, now: number): string {
  const { deployment, repository, target, attempts, nextTryAt } = row;
  const { id, state, refType, refName, commit, cause, createdAt, reason } = deployment;
  const place = `${repository ?? 'a repository that is gone'} → ${target ?? 'a target that is gone'}`;
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  const next = nextTryAt === null ? '' : `, next ${inWords(nextTryAt - now)}`;
  const line = `${id}  ${state.padEnd(10)}  ${commit.slice(0, 12)}  ${place}  ${refType} ${refName}, ${cause}, ${inWords(createdAt - now)}, ${tries}${next}`;
  return printable(line) + (reason === null ? '' : `\n    ${printable(reason)}`);
}

/** `3 min ago`, `in 2 h`. */
export function inWords(ms: number): string {
  const far = Math.abs(ms);
  if (far < second) return 'now';
  const amount =
    far < minute
      ? `${Math.round(far / second)} s`
      : far < hour
        ? `${Math.round(far / minute)} min`
        : far < 2 * day
          ? `${Math.round(far / hour)} h`
          : `${Math.round(far / day)} days`;
  return ms > 0 ? `in ${amount}` : `${amount} ago`;
}
