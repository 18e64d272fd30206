import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { BackendTarget, CheckProblem, FieldMeta } from '../../core/backend.js';
import { signingKey } from '../../lib/standard-webhooks.js';

const field = (meta: FieldMeta) => ({ ...meta });

const notASecret =
  'Not a signing secret: it is "whsec_" followed by 24 to 64 random bytes in base64. Make one with: echo "whsec_$(openssl rand -base64 32)"';

const secretText = z
  .string(notASecret)
  .trim()
  .refine((text) => signingKey(text) !== null, notASecret);

export const signedWebhookSettings = z.object({
  url: z
    .string('Enter the address of the receiver.')
    .trim()
    .max(2000)
    .superRefine((text, context) => {
      const message = urlProblem(text);
      if (message !== null) context.addIssue({ code: 'custom', message });
    })
    .meta(
      field({
        label: 'Receiver URL',
        help: 'Every call goes here, as a signed POST. Redirects are not followed, so enter the final address.',
        placeholder: 'https://deploy.example.com/hooks/slipway',
      }),
    ),
  secret: secretText.meta(
    field({
      label: 'Signing secret',
      help: 'Shared with the receiver; both sides sign with it. Make one with: echo "whsec_$(openssl rand -base64 32)"',
      placeholder: 'whsec_…',
      secret: true,
    }),
  ),
  previousSecret: secretText.optional().meta(
    field({
      label: 'Previous signing secret',
      help: 'Only while you change secrets: calls carry a signature of each, and reports signed with either are taken. Remove it when the receiver has the new one.',
      placeholder: 'whsec_…',
      secret: true,
      advanced: true,
    }),
  ),
  silenceMinutes: z
    .number('Enter a number of minutes.')
    .int('Enter whole minutes.')
    .min(1, 'At least 1 minute.')
    .max(1440, 'At most 1440 minutes, which is a day.')
    .default(60)
    .meta(
      field({
        label: 'Minutes without a report',
        help: 'A deployment that the receiver took, but said nothing about for this long, ends as stopped.',
        input: 'number',
        advanced: true,
      }),
    ),
});

function urlProblem(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['https:', 'http:'].includes(url.protocol)) {
    return 'Enter a web address, for example https://deploy.example.com/hooks/slipway.';
  }
  if (url.username !== '' || url.password !== '') {
    return 'Leave user name and password out of the address: the signature is what proves us.';
  }
  return url.hash === '' ? null : 'Leave out the part after "#": it is never sent.';
}

/** Parsed, with the secrets opened: lives as long as one call. */
export interface SignedWebhookSettings {
  url: string;
  /** The newest first. */
  keys: readonly KeyObject[];
  silenceMs: number;
  /** What must never be shown, should the receiver repeat it to us. */
  hidden: readonly string[];
}

export type SettingsReading =
  { ok: true; settings: SignedWebhookSettings } | { ok: false; problems: CheckProblem[] };

export function readSettings(target: BackendTarget): SettingsReading {
  const parsed = signedWebhookSettings.safeParse({ ...target.settings, ...target.secrets });
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => ({
      field: path.length > 0 ? String(path[0]) : null,
      message,
    }));
    return { ok: false, problems };
  }
  const { url, silenceMinutes } = parsed.data;
  const secrets = signingSecrets(parsed.data);
  return {
    ok: true,
    settings: {
      url,
      keys: secrets.map(signingKey).filter((key) => key !== null),
      silenceMs: silenceMinutes * 60_000,
      hidden: hiddenParts(secrets),
    },
  };
}

/**
 * The secrets a receiver's calls to us may be signed with, given a target's opened secrets. For the API door, which verifies
 * such calls and knows no backend.
 */
export function signingSecrets(secrets: Readonly<Record<string, unknown>>): string[] {
  const { secret, previousSecret } = secrets;
  return [secret, previousSecret].filter((one) => typeof one === 'string').filter(Boolean);
}

/** The base64 part opens as much as the whole. */
function hiddenParts(secrets: readonly string[]): string[] {
  return secrets.flatMap((secret) => [secret, secret.replace(/^whsec_/, '')]);
}
