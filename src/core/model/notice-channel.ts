/** `chat`: an incoming webhook that understands Slack's messages. `email`: one address. */
export type ChannelKind = 'chat' | 'email';

/** Where the notices of a workspace go besides its pages. */
export interface NoticeChannel {
  id: string;
  workspaceUuid: string;
  kind: ChannelKind;
  /** What people call it; for `email` the address itself. */
  name: string;
  /** Sealed: whoever has the address of a chat webhook can write there. */
  addressSealed: string;
  /** Why the last message did not arrive; null: it did, or there was none. */
  lastError: string | null;
  lastSentAt: number | null;
  createdBy: string;
  createdAt: number;
}

/** What a message tells of a notice: that there is one, or that it is over. */
export type NoticeNews = 'opened' | 'resolved';

/** One message that is owed to a channel; an outbox row. */
export interface NoticeDelivery {
  id: string;
  noticeId: string;
  channelId: string;
  news: NoticeNews;
  dueAt: number | null;
  attempts: number;
  /** Null while owed; set when it was taken, or given up. */
  settledAt: number | null;
  error: string | null;
  createdAt: number;
}
