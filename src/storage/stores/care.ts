import type { CareReads, ClockWrites, RetentionWrites } from '../../core/care.js';
import type { Sql } from '../sql.js';
import { clockStore } from './clock.js';
import { operatorStore } from './operator.js';
import { retentionStore } from './retention.js';

export function careStore(sql: Sql): CareReads & RetentionWrites & ClockWrites {
  return { ...retentionStore(sql), ...operatorStore(sql), ...clockStore(sql) };
}
