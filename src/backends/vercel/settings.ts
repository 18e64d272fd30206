import { z } from 'zod';
import type { BackendConnection, BackendTarget, FieldMeta } from '../../core/backend.js';

const field = (meta: FieldMeta) => ({ ...meta });

export const vercelSettings = z.object({
  project: z
    .string('Choose a project.')
    .trim()
    .regex(/^[\w.-]{1,100}$/, 'Choose a project, or enter its id; it begins with prj_.')
    .meta(
      field({
        label: 'Project',
        help: 'The Vercel project that is deployed. It has to be connected to this Bitbucket repository.',
        placeholder: 'prj_…',
        listed: true,
      }),
    ),
  environment: z
    .enum(['production', 'preview'])
    .default('production')
    .meta(
      field({
        label: 'Deploy to',
        help: 'Production moves the project’s domains to the new deployment; a preview has an address of its own.',
        input: 'select',
        choices: { production: 'Production', preview: 'A preview' },
      }),
    ),
});

export const vercelConnection = z.object({
  token: z
    .string('Paste an access token.')
    .trim()
    .regex(/^[\x21-\x7e]{20,200}$/, 'This is not a whole access token.')
    .meta(
      field({
        label: 'Access token',
        help: 'Made at vercel.com → Account Settings → Tokens; limit it to the team, and give it an end.',
        secret: true,
      }),
    ),
  teamId: z
    .string()
    .trim()
    .regex(/^team_\w+$/, 'A team id begins with team_.')
    .optional()
    .meta(
      field({
        label: 'Team id',
        help: 'Of the team that owns the projects: Team Settings → General. Empty: projects of your own.',
        placeholder: 'team_…',
      }),
    ),
});

/** Null: they no longer fit. */
export function readSettings({ settings }: BackendTarget) {
  return vercelSettings.safeParse(settings).data ?? null;
}

export function readConnection(connection: BackendConnection | undefined) {
  if (!connection) return null;
  const { settings, secrets } = connection;
  return vercelConnection.safeParse({ ...settings, ...secrets }).data ?? null;
}
