import { z } from 'zod';
import type { BackendConnection, BackendTarget, FieldMeta } from '../../core/backend.js';

const field = (meta: FieldMeta) => ({ ...meta });

export const coolifySettings = z.object({
  application: z
    .string('Choose an application.')
    .trim()
    .regex(/^[a-z0-9-]{10,60}$/i, 'Choose an application, or enter its uuid.')
    .meta(
      field({
        label: 'Application',
        help: 'The Coolify application that is deployed. It builds the newest commit of the branch that is set there.',
        placeholder: 'kg8cs4wk8sgo0ws0w4ow',
        listed: true,
      }),
    ),
  force: z
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

export const coolifyConnection = z.object({
  url: z
    .string('Enter the address of Coolify.')
    .trim()
    .max(500)
    .superRefine((text, context) => {
      const url = URL.canParse(text) ? new URL(text) : null;
      const fits = url?.protocol === 'https:' || url?.protocol === 'http:';
      if (fits && url.pathname === '/' && url.search === '' && url.username === '') return;
      const message = 'Enter the address alone, for example https://coolify.example.com.';
      context.addIssue({ code: 'custom', message });
    })
    .meta(
      field({
        label: 'Address of Coolify',
        help: 'As you open it in the browser. In a private network, whoever runs Slipway has to allow it (SLIPWAY_ALLOW_PRIVATE_TARGETS).',
        placeholder: 'https://coolify.example.com',
      }),
    ),
  token: z
    .string('Paste an API token.')
    .trim()
    .regex(/^[\x21-\x7e]{16,200}$/, 'This is not a whole token; it looks like 3|aBc….')
    .meta(
      field({
        label: 'API token',
        help: 'Made in Coolify → Keys & Tokens → API Tokens, with the permissions read and deploy.',
        placeholder: '3|…',
        secret: true,
      }),
    ),
});

/** Null: they no longer fit. */
export function readSettings({ settings }: BackendTarget) {
  return coolifySettings.safeParse(settings).data ?? null;
}

export function readConnection(connection: BackendConnection | undefined) {
  if (!connection) return null;
  const { settings, secrets } = connection;
  return coolifyConnection.safeParse({ ...settings, ...secrets }).data ?? null;
}
