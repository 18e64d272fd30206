import type { CareReads, RetentionWrites } from '../../core/care.js';
import type { Sql } from '../sql.js';
import { operatorStore } from './operator.js';
import { retentionStore } from './retention.js';

export function careStore(sql: Sql): CareReads & RetentionWrites {
  return { ...retentionStore(sql), ...operatorStore(sql) };
}
