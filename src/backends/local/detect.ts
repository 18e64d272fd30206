import { DeployFailure } from './deploy-failure.js';
import { readPackage, type PackageFacts } from './package-file.js';
import { parseProcfile } from './procfile.js';
import { hasIndexPage, readRepositoryFile } from './repository-files.js';
import type { LocalSettings } from './settings.js';

export interface BuildStep {
  /** What the person reads while it runs. */
  words: string;
  command: string;
  isInstall: boolean;
}

export type Plan = {
  steps: BuildStep[];
  /** How it was recognised, for the log. */
  because: string;
} & (
  | { kind: 'process'; startCommand: string }
  /** `folder` null: chosen after the build. `before`: candidates that had an index page before it. */
  | { kind: 'static'; folder: string | null; before: readonly string[] }
);

/** Where builds put a site, in the order they are looked at. */
const outputFolders = ['_static', 'dist', 'public', 'build', 'out', '_site'] as const;
const installsItself =
  /\b(?:npm\s+(?:ci|i|install)|pnpm\s+(?:i|install)|yarn(?:\s+install)?\s*(?:$|&&|;)|yarn\s+install|bun\s+install)\b/;

type PlanSettings = Pick<LocalSettings, 'buildCommand' | 'startCommand' | 'outputFolder'>;

/** Decides what to run and what to serve. Settings win over what the files say. */
export async function detect(folder: string, settings: PlanSettings): Promise<Plan> {
  const packageFacts = await readPackage(folder);
  const procfile = await readRepositoryFile(folder, 'Procfile');
  const web = procfile === null ? undefined : parseProcfile(procfile).get('web');
  const steps = buildSteps(packageFacts, settings);
  if (settings.startCommand !== '') {
    return {
      kind: 'process',
      steps,
      startCommand: settings.startCommand,
      because: 'the start command is set',
    };
  }
  if (settings.outputFolder !== '') {
    return {
      kind: 'static',
      steps,
      folder: settings.outputFolder,
      before: [],
      because: 'the output folder is set',
    };
  }
  if (web !== undefined) {
    return { kind: 'process', steps, startCommand: web, because: 'the Procfile has a web line' };
  }
  if (packageFacts?.hasStart === true) {
    const startCommand = `${packageFacts.manager} start`;
    return { kind: 'process', steps, startCommand, because: 'package.json has a start script' };
  }
  return planStatic(folder, steps);
}

async function planStatic(folder: string, steps: BuildStep[]): Promise<Plan> {
  const before: string[] = [];
  for (const candidate of ['.', ...outputFolders]) {
    if (await hasIndexPage(folder, candidate)) before.push(candidate);
  }
  if (steps.some((step) => !step.isInstall)) {
    return {
      kind: 'static',
      steps,
      folder: null,
      before,
      because: 'there is a build and nothing to start',
    };
  }
  const found = before[0];
  if (found === undefined) throw new DeployFailure(nothingRecognised);
  const because = found === '.' ? 'there is an index.html' : `there is an index.html in ${found}`;
  return { kind: 'static', steps: [], folder: found, before, because };
}

/**
 * The folder a build left its site in. One that the build made comes before one that was there: `public` is often a source.
 */
export async function chooseOutputFolder(
  folder: string,
  before: readonly string[],
): Promise<string> {
  const found: string[] = [];
  for (const candidate of [...outputFolders, '.']) {
    if (await hasIndexPage(folder, candidate)) found.push(candidate);
  }
  const chosen = found.find((candidate) => !before.includes(candidate)) ?? found[0];
  if (chosen === undefined) {
    throw new DeployFailure(
      `The build left no index.html in ${outputFolders.join(', ')} or the root folder. Set the output folder.`,
    );
  }
  return chosen;
}

/** A build command of the user replaces the detected build; packages are still installed unless it does that itself. */
function buildSteps(facts: PackageFacts | null, settings: PlanSettings): BuildStep[] {
  const own = settings.buildCommand;
  const steps: BuildStep[] = [];
  if (facts !== null && facts.install !== null && !installsItself.test(own)) {
    steps.push({ words: 'Installing packages', command: facts.install, isInstall: true });
  }
  if (own !== '') steps.push({ words: 'Building', command: own, isInstall: false });
  else if (facts?.hasBuild === true) {
    steps.push({ words: 'Building', command: `${facts.manager} run build`, isInstall: false });
  }
  return steps;
}

const nothingRecognised =
  'Nothing to deploy was recognised. Looked for a web line in a Procfile, a start or build script in package.json, ' +
  `and an index.html in the root folder, ${outputFolders.join(', ')}. Set the root folder, or a build or start command.`;
