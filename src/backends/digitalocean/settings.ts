import { z } from 'zod';
import type { BackendConnection, BackendTarget, FieldMeta } from '../../core/backend.js';

const field = (meta: FieldMeta) => ({ ...meta });

export const digitaloceanSettings = z.object({
  app: z
    .string('Choose an app.')
    .trim()
    .regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'Choose an app, or enter its id.')
    .meta(
      field({
        label: 'App',
        help: 'The App Platform app that is deployed. Its code has to come from this repository; it builds the branch that is set there.',
        placeholder: 'b0a3c6de-0000-4c1d-9f43-7a1d5c2e9001',
        listed: true,
      }),
    ),
  forceBuild: z
    .boolean()
    .default(false)
    .meta(
      field({
        label: 'Build without the cache',
        help: 'Slower; for builds that go wrong with what an earlier one left behind.',
        advanced: true,
      }),
    ),
});

/** reference/deploy-backends.md §1.1 */
export const digitaloceanConnection = z.object({
  token: z
    .string('Paste an access token.')
    .trim()
    .superRefine((text, context) => {
      const message = tokenProblem(text);
      if (message !== null) context.addIssue({ code: 'custom', message });
    })
    .meta(
      field({
        label: 'Access token',
        help: 'Made at cloud.digitalocean.com → API → Tokens, with the custom scopes app:read and app:update and nothing else. Add app:create only while you create an app from here.',
        placeholder: 'dop_v1_…',
        secret: true,
      }),
    ),
});

function tokenProblem(text: string): string | null {
  if (text.startsWith('dor_v1_')) {
    return 'This is a refresh token (dor_v1_…): it only gets new tokens and cannot call the API. Paste a personal access token, which begins with dop_v1_.';
  }
  if (/[^\x21-\x7e]/.test(text) || text.length < 20) {
    return 'This is not a whole access token; it looks like dop_v1_ and 64 letters and digits.';
  }
  return null;
}

export interface AppSettings {
  app: string;
  forceBuild: boolean;
}

/** Stored settings, read again at each call; null: they no longer fit. */
export function readAppSettings({ settings }: BackendTarget): AppSettings | null {
  return digitaloceanSettings.safeParse(settings).data ?? null;
}

/** Null: there is none, or it no longer fits. */
export function tokenOf(connection: BackendConnection | undefined): string | null {
  if (!connection) return null;
  return digitaloceanConnection.safeParse(connection.secrets).data?.token ?? null;
}
