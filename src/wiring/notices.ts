import { createTeller } from '../actions/tell-channels.js';
import type { Config, Secrets } from '../config/config.js';
import type { NoticeSender } from '../core/notices.js';
import type { Clock, Ids, Logger, Storage, Vault } from '../core/ports.js';
import { createMailer } from '../lib/mail.js';
import type { OutboundHttp } from '../lib/outbound-http.js';
import { createNoticeSender } from './notice-sender.js';

export interface NoticeParts {
  sender: NoticeSender;
  teller: ReturnType<typeof createTeller>;
  close(): void;
}

/** @param deps.http the guarded client: people type the addresses of chats */
export function createNoticeParts(deps: {
  config: Readonly<Config>;
  secrets: Secrets;
  baseUrl: string;
  storage: Storage;
  vault: Vault;
  clock: Clock;
  ids: Ids;
  random(): number;
  logger: Logger;
  http: OutboundHttp;
}): NoticeParts {
  const { mailFrom } = deps.config;
  const { smtpUrl } = deps.secrets;
  const mailer =
    mailFrom === null || smtpUrl === null ? null : createMailer({ url: smtpUrl, from: mailFrom });
  const sender = createNoticeSender({ http: deps.http, mailer });
  return { sender, teller: createTeller({ ...deps, sender }), close: () => mailer?.close() };
}
