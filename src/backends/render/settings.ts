import { z } from 'zod';
import type { BackendConnection, BackendTarget, FieldMeta } from '../../core/backend.js';

const field = (meta: FieldMeta) => ({ ...meta });

export const renderSettings = z.object({
  service: z
    .string('Choose a service.')
    .trim()
    .regex(/^srv-[a-z0-9]{6,40}$/, 'Choose a service, or enter its id; it begins with srv-.')
    .meta(
      field({
        label: 'Service',
        help: 'The Render service that is deployed. It has to be connected to this repository.',
        placeholder: 'srv-c1q2w3e4r5t6y7u8i9o0',
        listed: true,
      }),
    ),
  clearCache: z
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

export const renderConnection = z.object({
  apiKey: z
    .string('Paste an API key.')
    .trim()
    .regex(/^rnd_[\x21-\x7e]{12,}$/, 'A Render API key begins with rnd_.')
    .meta(
      field({
        label: 'API key',
        help: 'Made at dashboard.render.com → Account Settings → API Keys. It can do whatever its owner can.',
        placeholder: 'rnd_…',
        secret: true,
      }),
    ),
});

/** Null: they no longer fit. */
export function readSettings({ settings }: BackendTarget) {
  return renderSettings.safeParse(settings).data ?? null;
}

export function keyOf(connection: BackendConnection | undefined): string | null {
  return renderConnection.safeParse(connection?.secrets).data?.apiKey ?? null;
}
