import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { benchFolder } from './process.js';

const require = createRequire(import.meta.url);

/** Probot is not worth its weight in everybody's `npm ci`. Scripts stay off: none of it needs any. */
export function installPeers(): void {
  const wanted = (
    JSON.parse(readFileSync(join(benchFolder, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    }
  ).dependencies['probot'];
  if (versionIn(join(benchFolder, 'node_modules', 'probot')) === wanted) return;
  process.stderr.write('bench: installing what is measured beside Slipway …\n');
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: benchFolder,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 180_000,
  });
}

export function versions(): Record<string, string> {
  return {
    node: process.version,
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    platform: `${process.platform} ${process.arch}`,
    'atlassian-connect-express': installed('atlassian-connect-express'),
    express: installed('express'),
    sequelize: installed('sequelize'),
    sqlite3: installed('sqlite3'),
    probot: versionIn(join(benchFolder, 'node_modules', 'probot')) ?? 'missing',
  };
}

function installed(name: string): string {
  const file = require.resolve.paths(name)?.find((folder) => existsSync(join(folder, name)));
  return (file && versionIn(join(file, name))) ?? 'missing';
}

function versionIn(folder: string): string | null {
  try {
    const text = readFileSync(join(folder, 'package.json'), 'utf8');
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return null;
  }
}
