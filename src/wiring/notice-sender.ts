import type { NoticeMessage, NoticeSender } from '../core/notices.js';
import { MailError, type Mailer } from '../lib/mail.js';
import { OutboundError, type OutboundHttp } from '../lib/outbound-http.js';

type Sent = Awaited<ReturnType<NoticeSender['send']>>;

/** Chat by an incoming webhook, mail when the operator has set it up. Error texts name no address: a webhook's is a secret. */
export function createNoticeSender(deps: {
  http: OutboundHttp;
  mailer: Mailer | null;
}): NoticeSender {
  const { http, mailer } = deps;
  return {
    kinds: mailer ? ['chat', 'email'] : ['chat'],
    async send(message) {
      if (message.kind === 'chat') return sendChat(message, http);
      if (mailer) return sendMail(message, mailer);
      return { ok: false, error: 'This server sends no mail any more.', isFinal: true };
    },
  };
}

const marks: Record<NoticeMessage['level'], string> = {
  info: ':information_source:',
  warning: ':warning:',
  danger: ':x:',
  solved: ':white_check_mark:',
};

/** Slack's message format, which Mattermost, Rocket.Chat, Discord (`/slack`) and others take, too. */
export function chatText({ title, text, url, level }: NoticeMessage): string {
  const link = url === null ? '' : `\n<${url}|What happened>`;
  return `${marks[level]} *${escaped(title)}*\n${escaped(text)}${link}`;
}

/** Their three control characters; what somebody called a branch must not become a link or ring everybody. */
function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

async function sendChat(message: NoticeMessage, http: OutboundHttp): Promise<Sent> {
  try {
    const { status } = await http.send({
      method: 'POST',
      url: message.address,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: chatText(message) }),
    });
    if (status >= 200 && status < 300) return { ok: true };
    const isFinal = status >= 400 && status < 500 && status !== 408 && status !== 429;
    return { ok: false, error: `The chat answered ${status}.`, isFinal };
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    const isFinal = error.failure === 'refused_url';
    const words = isFinal ? 'This address is not allowed.' : 'The chat could not be reached.';
    return { ok: false, error: words, isFinal };
  }
}

async function sendMail(
  { address, title, text, url }: NoticeMessage,
  mailer: Mailer,
): Promise<Sent> {
  const link = url === null ? '' : `\n\nWhat happened: ${url}`;
  try {
    await mailer.send({
      to: address,
      subject: oneLine(title),
      text: `${title}.\n\n${text}${link}\n`,
    });
    return { ok: true };
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    return { ok: false, error: error.message, isFinal: error.isFinal };
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 200);
}
