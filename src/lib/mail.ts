import { createTransport } from 'nodemailer';

export interface Mail {
  to: string;
  subject: string;
  text: string;
}

export interface Mailer {
  /** Throws `MailError`. */
  send(mail: Mail): Promise<void>;
  close(): void;
}

/** The server did not take it. Holds neither its address nor the password: nodemailer's own error may quote both. */
export class MailError extends Error {
  /** The server said no for good (SMTP 5xx), and would say no again. */
  readonly isFinal: boolean;

  constructor(message: string, isFinal: boolean) {
    super(message);
    this.name = 'MailError';
    this.isFinal = isFinal;
  }
}

const timeoutMs = 15_000;

/**
 * @param options.url `smtp://` or `smtps://`, with user and password
 * @param options.from sender, as a mail shows it
 */
export function createMailer(options: { url: string; from: string }): Mailer {
  const url = new URL(options.url);
  const isSecure = url.protocol === 'smtps:';
  const transport = createTransport({
    host: url.hostname,
    port: Number(url.port) || (isSecure ? 465 : 587),
    secure: isSecure,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    ...(url.username === ''
      ? {}
      : {
          auth: {
            user: decodeURIComponent(url.username),
            pass: decodeURIComponent(url.password),
          },
        }),
  });
  return {
    async send({ to, subject, text }) {
      try {
        await transport.sendMail({ from: options.from, to, subject, text });
      } catch (error) {
        throw asMailError(error);
      }
    },
    close: () => transport.close(),
  };
}

function asMailError(error: unknown): MailError {
  const facts = error as { code?: unknown; responseCode?: unknown };
  const status = typeof facts.responseCode === 'number' ? facts.responseCode : null;
  const code = typeof facts.code === 'string' ? facts.code : 'no answer';
  if (status === null)
    return new MailError(`The mail server could not be reached (${code}).`, false);
  // Refused credentials are the operator's to mend, and then the same mail goes through.
  const isFinal = status >= 500 && code !== 'EAUTH';
  return new MailError(`The mail server answered ${status}.`, isFinal);
}
