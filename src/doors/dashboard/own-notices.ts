import type { Notice } from '../../core/model/index.js';
import type { Reader } from '../../core/ports.js';

/** What somebody should know where they are: their own matters, and those that an admin of the place looks after. */
export async function noticesFor(
  read: Pick<Reader, 'notices'>,
  userUuid: string,
  place: { workspaceUuid?: string; repositoryId?: string } = {},
): Promise<Notice[]> {
  const [own, local] = await Promise.all([
    read.notices.open({ userUuid }),
    Object.keys(place).length === 0 ? [] : read.notices.open(place),
  ]);
  const seen = new Map([...own, ...local].map((notice) => [notice.subject + notice.says, notice]));
  // Newest first: ids grow with time.
  return [...seen.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}
