import { z } from 'zod';
import { DeployFailure } from './deploy-failure.js';
import { hasFile, readRepositoryFile } from './repository-files.js';

const names = z.record(z.string(), z.unknown()).optional().catch(undefined);

const packageShape = z.object({
  scripts: z.record(z.string(), z.string()).optional().catch(undefined),
  dependencies: names,
  devDependencies: names,
  optionalDependencies: names,
  peerDependencies: names,
  workspaces: z.unknown().optional(),
});

export interface PackageFacts {
  hasBuild: boolean;
  hasStart: boolean;
  /** Null when there is nothing to install. */
  install: string | null;
  /** `npm`, `yarn` or `pnpm`: chosen by the lockfile. */
  manager: 'npm' | 'yarn' | 'pnpm';
}

/** What package.json asks for; null when there is none. */
export async function readPackage(folder: string): Promise<PackageFacts | null> {
  const text = await readRepositoryFile(folder, 'package.json');
  if (text === null) return null;
  const facts = parse(text);
  const needsInstall =
    [
      facts.dependencies,
      facts.devDependencies,
      facts.optionalDependencies,
      facts.peerDependencies,
    ].some((group) => Object.keys(group ?? {}).length > 0) || facts.workspaces !== undefined;
  const lock = await findLock(folder);
  return {
    hasBuild: facts.scripts?.['build'] !== undefined,
    hasStart: facts.scripts?.['start'] !== undefined,
    install: needsInstall || lock.isLocked ? lock.install : null,
    manager: lock.manager,
  };
}

function parse(text: string): z.infer<typeof packageShape> {
  try {
    return packageShape.parse(JSON.parse(text));
  } catch {
    throw new DeployFailure('package.json is not valid JSON. Correct it and push again.');
  }
}

interface Lock {
  manager: PackageFacts['manager'];
  install: string;
  isLocked: boolean;
}

/** npm first: it is always there. Without a lockfile the newest allowed versions are installed. */
async function findLock(folder: string): Promise<Lock> {
  const known: [string, PackageFacts['manager'], string][] = [
    ['package-lock.json', 'npm', 'npm ci'],
    ['npm-shrinkwrap.json', 'npm', 'npm ci'],
    ['pnpm-lock.yaml', 'pnpm', 'pnpm install --frozen-lockfile'],
    ['yarn.lock', 'yarn', 'yarn install --frozen-lockfile'],
  ];
  for (const [file, manager, install] of known) {
    if (await hasFile(folder, file)) return { manager, install, isLocked: true };
  }
  return { manager: 'npm', install: 'npm install', isLocked: false };
}
