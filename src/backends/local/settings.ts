import { z } from 'zod';
import type { BackendTarget, CheckProblem, FieldMeta } from '../../core/backend.js';
import { parseEnvironmentLines } from './environment-lines.js';

const field = (meta: FieldMeta) => ({ ...meta });
const text = (max: number) => z.string().trim().max(max);

export const localSettings = z.object({
  rootFolder: text(500)
    .default('')
    .meta(
      field({
        label: 'Root folder',
        help: 'The folder of the repository that holds the app. Empty: the whole repository.',
        placeholder: 'apps/web',
      }),
    ),
  buildCommand: text(2000)
    .default('')
    .meta(
      field({
        label: 'Build command',
        help: 'Empty: npm run build, when package.json has one.',
        placeholder: 'npm run build',
      }),
    ),
  outputFolder: text(500)
    .default('')
    .meta(
      field({
        label: 'Output folder',
        help: 'For a static site: the folder that is served, inside the root folder. Empty: found by itself.',
        placeholder: 'dist',
      }),
    ),
  startCommand: text(2000)
    .default('')
    .meta(
      field({
        label: 'Start command',
        help: 'For an app that listens on PORT. Empty: the web line of a Procfile, or npm start.',
        placeholder: 'npm start',
      }),
    ),
  healthPath: text(500)
    .default('')
    .meta(
      field({
        label: 'Health path',
        help: 'Must answer with success before a new release gets traffic. Empty: / must answer.',
        placeholder: '/healthz',
        advanced: true,
      }),
    ),
  spaFallback: z
    .boolean()
    .default(false)
    .meta(
      field({
        label: 'Serve index.html for unknown paths',
        help: 'For a single-page app with its own routing.',
        input: 'checkbox',
        advanced: true,
      }),
    ),
  environment: z
    .string()
    .max(64_000)
    .default('')
    .meta(
      field({
        label: 'Environment variables',
        help: 'One NAME=value a line, for the build and for the running app.',
        placeholder: 'API_URL=https://api.example.com',
        input: 'environment',
        advanced: true,
      }),
    ),
  secretEnvironment: z
    .string()
    .max(64_000)
    .default('')
    .meta(
      field({
        label: 'Secret environment variables',
        help: 'Like the above, but stored sealed and masked in the log.',
        placeholder: 'API_TOKEN=…',
        input: 'environment',
        secret: true,
        advanced: true,
      }),
    ),
});

/** What a target says, parsed. Holds opened secrets: lives as long as one build or one running app, never on disk. */
export interface LocalSettings {
  rootFolder: string;
  buildCommand: string;
  outputFolder: string;
  startCommand: string;
  healthPath: string;
  spaFallback: boolean;
  environment: Record<string, string>;
  secretValues: string[];
}

export type SettingsReading =
  { ok: true; settings: LocalSettings } | { ok: false; problems: CheckProblem[] };

export function readSettings(target: BackendTarget): SettingsReading {
  const parsed = localSettings.safeParse(present({ ...target.settings, ...target.secrets }));
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => ({
      field: issue.path.length > 0 ? String(issue.path[0]) : null,
      message: issue.message,
    }));
    return { ok: false, problems };
  }
  const plain = parseEnvironmentLines(parsed.data.environment);
  const secret = parseEnvironmentLines(parsed.data.secretEnvironment);
  const problems: CheckProblem[] = [
    ...folderProblem('rootFolder', parsed.data.rootFolder),
    ...folderProblem('outputFolder', parsed.data.outputFolder),
    ...healthProblem(parsed.data.healthPath),
    ...plain.problems.map((message) => ({ field: 'environment', message })),
    ...secret.problems.map((message) => ({ field: 'secretEnvironment', message })),
  ];
  for (const name of secret.values.keys()) {
    if (!plain.values.has(name)) continue;
    problems.push({
      field: 'secretEnvironment',
      message: `${name} is also among the plain variables; keep one.`,
    });
  }
  if (problems.length > 0) return { ok: false, problems };
  const environment = Object.fromEntries([...plain.values, ...secret.values]);
  return {
    ok: true,
    settings: { ...parsed.data, environment, secretValues: [...secret.values.values()] },
  };
}

/** Forms and stores may hand over null for "left empty". */
function present(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== null && value !== undefined),
  );
}

function folderProblem(name: string, value: string): CheckProblem[] {
  if (value === '') return [];
  if (value.includes('\0') || value.includes('\\')) {
    return [{ field: name, message: 'Write the folder with forward slashes.' }];
  }
  if (value.startsWith('/')) {
    return [
      {
        field: name,
        message: 'Write the folder as seen from the repository, without a slash in front.',
      },
    ];
  }
  const segments = value.split('/');
  if (segments.includes('..')) {
    return [
      { field: name, message: 'The folder must stay inside the repository; leave out "..".' },
    ];
  }
  if (segments.includes('.git')) {
    return [
      { field: name, message: 'The .git folder is not there during a build; choose another.' },
    ];
  }
  return [];
}

function healthProblem(value: string): CheckProblem[] {
  if (value === '' || /^\/[\x21-\x7e]*$/.test(value)) return [];
  return [{ field: 'healthPath', message: 'Start the path with a slash, without spaces.' }];
}
