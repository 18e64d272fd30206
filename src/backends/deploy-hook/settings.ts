import { z } from 'zod';
import type { BackendTarget, CheckProblem, FieldMeta } from '../../core/backend.js';
import { secretTexts } from '../../lib/hide-secrets.js';
import { presetOf, presets, type Preset, type PresetId } from './presets.js';

const field = (meta: FieldMeta) => ({ ...meta });
const ids = Object.keys(presets) as [PresetId, ...PresetId[]];

export const deployHookSettings = z.object({
  service: z
    .enum(ids)
    .default('other')
    .meta(
      field({
        label: 'Service',
        help: 'Whose hook it is: how it is called, and how its answer is read. Several say “no” with a success.',
        input: 'select',
        choices: Object.fromEntries(ids.map((id) => [id, presetOf(id).label])),
      }),
    ),
  url: z
    .string('Paste the address of the hook.')
    .trim()
    .max(2000)
    .superRefine((text, context) => {
      const message = urlProblem(text);
      if (message !== null) context.addIssue({ code: 'custom', message });
    })
    .meta(
      field({
        label: 'Address of the hook',
        help: 'Whoever has it can deploy, so it is kept like a password. If it ever stood in a repository, make a new one.',
        placeholder: 'https://…',
        secret: true,
      }),
    ),
  branch: z
    .string('Enter the branch that the hook builds.')
    .trim()
    .min(1, 'Enter the branch that the hook builds.')
    .max(200)
    .meta(
      field({
        label: 'Branch of the hook',
        help: 'The one it was made for over there; a hook cannot be asked. The target has to deploy exactly this branch.',
        placeholder: 'main',
      }),
    ),
  jenkinsUser: z
    .string()
    .trim()
    .max(100)
    .optional()
    .meta(
      field({
        label: 'Jenkins user',
        help: 'Only for Jenkins: with a user and an API token the build is followed to its end.',
        advanced: true,
      }),
    ),
  jenkinsToken: z
    .string()
    .trim()
    .max(200)
    .optional()
    .meta(
      field({
        label: 'Jenkins API token',
        help: 'Of that user: Jenkins → your name → Security. It needs to read the job.',
        secret: true,
        advanced: true,
      }),
    ),
});

function urlProblem(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['https:', 'http:'].includes(url.protocol)) {
    return 'Paste the whole address; it begins with https://.';
  }
  if (url.username !== '' || url.password !== '') {
    return 'Leave user name and password out of the address.';
  }
  return url.hash === '' ? null : 'Leave out the part after "#": it is never sent.';
}

/** Opened for one call. */
export interface DeployHookSettings {
  service: PresetId;
  preset: Preset;
  url: URL;
  branch: string;
  jenkins: { user: string; token: string } | null;
  /** What must never be shown, should an answer repeat it. */
  hidden: readonly string[];
}

export type SettingsReading =
  { ok: true; settings: DeployHookSettings } | { ok: false; problems: CheckProblem[] };

export function readSettings(target: BackendTarget): SettingsReading {
  const parsed = deployHookSettings.safeParse({ ...target.settings, ...target.secrets });
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => ({
      field: path.length > 0 ? String(path[0]) : null,
      message,
    }));
    return { ok: false, problems };
  }
  const { service, url, branch, jenkinsUser: user, jenkinsToken: token } = parsed.data;
  const isJenkins = service === 'jenkins' && user !== undefined && token !== undefined;
  return {
    ok: true,
    settings: {
      service,
      preset: presetOf(service),
      url: new URL(url),
      branch,
      jenkins: isJenkins ? { user, token } : null,
      hidden: secretTexts([url, token ?? '']),
    },
  };
}
