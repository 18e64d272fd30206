/** Ports about telling people beside the pages. Part of `ports.ts`. */
import type { Notice, NoticeChannel, NoticeDelivery } from './model/index.js';

export interface ChannelReads {
  byId(id: string): Promise<NoticeChannel | null>;
  /** By name. */
  ofWorkspace(workspaceUuid: string): Promise<NoticeChannel[]>;
}

export interface ChannelWrites {
  insert(channel: NoticeChannel): Promise<void>;
  /** With what is still owed to it. */
  remove(id: string): Promise<void>;
  noteOutcome(id: string, outcome: { at: number; error: string | null }): Promise<void>;
}

export interface DeliveryReads {
  hasDue(now: number): Promise<boolean>;
  notice(id: string): Promise<Notice | null>;
}

export interface DeliveryWrites {
  /** Notices whose beginning, or whose end, no channel has been told of; oldest first. */
  untold(limit: number): Promise<UntoldNotice[]>;
  markTold(noticeId: string, told: { opened: number; resolved: number | null }): Promise<void>;
  insert(deliveries: readonly NoticeDelivery[]): Promise<void>;
  /** Notices that were over before then, with all that was told of them; at most `limit`. */
  prune(before: number, limit: number): Promise<number>;
  /** Takes due ones and hides them until `until`. */
  claimDue(limit: number, now: number, until: number): Promise<NoticeDelivery[]>;
  settle(
    id: string,
    patch: Partial<Pick<NoticeDelivery, 'dueAt' | 'attempts' | 'settledAt' | 'error'>>,
  ): Promise<void>;
}

export interface UntoldNotice {
  notice: Notice;
  /** Its beginning was told of. */
  wasTold: boolean;
}

/** Hands one message over. Expected trouble is a value. */
export interface NoticeSender {
  send(
    message: NoticeMessage,
  ): Promise<{ ok: true } | { ok: false; error: string; isFinal: boolean }>;
  /** Kinds that this server can send. */
  readonly kinds: readonly NoticeChannel['kind'][];
}

export interface NoticeMessage {
  kind: NoticeChannel['kind'];
  /** Opened just for this call. */
  address: string;
  title: string;
  text: string;
  /** Absolute; null when there is no page to look at. */
  url: string | null;
  level: Notice['level'] | 'solved';
}
