import type { Notice } from '../../core/model/index.js';
import type { IconName } from '../panel/icons.js';
import { timeView, type TimeView } from '../panel/view/time.js';
import type { CurrentSession } from '../web/sessions.js';

export interface Crumb {
  name: string;
  path: string;
}

/** What stands above each of our own pages: the way back, who is signed in, and what needs somebody. */
export interface OwnBar {
  crumbs: Crumb[];
  userName: string;
  csrfToken: string;
  notices: NoticeLine[];
  /** Where those are that do not fit; null: all are shown. */
  more: { count: number; path: string } | null;
}

interface NoticeLine {
  says: string;
  advice: string;
  level: string;
  icon: IconName;
  at: TimeView;
  path: string | null;
}

const mostNotices = 3;
const home: Crumb = { name: 'Workspaces', path: '/' };

export function ownBar(
  { userName, csrfToken }: CurrentSession,
  facts: {
    /** Below the list of workspaces, which comes first by itself. */
    crumbs?: readonly Crumb[];
    notices: readonly Notice[];
    /** Where all of them stand; null: here. */
    allNotices: string | null;
    now: number;
  },
): OwnBar {
  const { crumbs, notices, allNotices, now } = facts;
  const shown = allNotices === null ? notices : notices.slice(0, mostNotices);
  const left = notices.length - shown.length;
  return {
    crumbs: crumbs ? [home, ...crumbs] : [],
    ...{ userName, csrfToken },
    notices: shown.map((notice) => noticeLine(notice, now)),
    more: allNotices !== null && left > 0 ? { count: left, path: allNotices } : null,
  };
}

function noticeLine({ says, advice, level, path, createdAt }: Notice, now: number): NoticeLine {
  const kind = level === 'danger' ? 'error' : level;
  return { says, advice, path, level: kind, icon: kind, at: timeView(createdAt, now) };
}
