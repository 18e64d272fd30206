import type { PushNews } from '../../core/ports.js';
import { decisions, events, refChanges, refConflict, refs } from '../models/index.js';
import type { Sql } from '../sql.js';

/**
 * Each statement wakes one of the driver's threads, which costs the event loop as much as a third of a push does. So what pushes
 * that are news lead to is inserted into a view of the connection, and its trigger writes the tables. CROSS JOIN: each move is
 * looked up, whatever the planner makes of a table that has grown.
 */
export const newsSchema = `
  CREATE TEMP VIEW IF NOT EXISTS news AS SELECT NULL AS events, NULL AS ref_changes, NULL AS decisions, NULL AS refs;
  CREATE TEMP TRIGGER IF NOT EXISTS take_news INSTEAD OF INSERT ON news BEGIN
    SELECT RAISE(FAIL, 'told before') FROM jsonb_each(NEW.ref_changes) AS given
      CROSS JOIN ref_changes ON ref_changes.move_key = given.value ->> ${refChanges.fields.indexOf('moveKey')};
    ${events.insertFromJson('NEW.events')};
    ${refChanges.insertFromJson('NEW.ref_changes')};
    ${decisions.insertFromJson('NEW.decisions')};
    ${refs.insertFromJson('NEW.refs')} ${refConflict};
  END`;

/** On a connection with `newsSchema`. */
export async function insertNewsInOne(sql: Sql, news: PushNews): Promise<boolean> {
  const text = 'INSERT INTO news VALUES (?, ?, ?, ?)';
  const values = [
    events.jsonOf(news.events),
    refChanges.jsonOf(news.refChanges),
    decisions.jsonOf(news.decisions),
    refs.jsonOf(news.refs),
  ];
  try {
    if (news.isAll && sql.runAlone) await sql.runAlone(text, values);
    else await sql.run(text, values);
    return true;
  } catch (error) {
    // A delivery or a move that is known. Were it anything else, it would show when each is looked at.
    if ((error as { code?: unknown }).code === 'SQLITE_CONSTRAINT') return false;
    throw error;
  }
}
