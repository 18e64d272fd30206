import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from './cli.js';

const sharedFolder = join(projectFolder, '..', 'shared', 'fixtures', 'webhooks');
export const ownFolder = join(projectFolder, 'test', 'fixtures', 'bitbucket');

export interface SharedFixture {
  file: string;
  path: string;
  /** `X-Event-Key` of the delivery. */
  event: string;
  /** As its README says: "update branch main; create tag v0.1"; null for "no ref moved". */
  interpretation: string | null;
  /** The README names the first few only. */
  isCut: boolean;
}

/** Recorded webhooks beside the project, used in place; empty in a checkout that stands alone. */
export function sharedFixtures(): SharedFixture[] {
  const readme = join(sharedFolder, 'README.md');
  if (!existsSync(readme)) return [];
  const rows = readFileSync(readme, 'utf8')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => cells[1]?.endsWith('.json'));
  return rows.map(([, file = '', event = '', words = '']) => {
    const isCut = words.endsWith('…');
    const text = words.replace(/\s*…$/, '');
    const interpretation = text === '—' ? null : text;
    return { file, path: join(sharedFolder, file), event, interpretation, isCut };
  });
}

/** Every JSON document that lies there, also one that the README forgot. */
export function sharedFiles(): string[] {
  if (!existsSync(sharedFolder)) return [];
  return readdirSync(sharedFolder).filter((name) => name.endsWith('.json'));
}
