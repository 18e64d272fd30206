import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../core/errors.js';

/** 32 random bytes as an operator stores them: base64, 44 characters. */
export function newMasterKeyText(): string {
  return randomBytes(32).toString('base64');
}

function flushFolder(path: string): void {
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

const fileIn = (dataDir: string): string => join(dataDir, 'master.key');

/**
 * The keys kept in the data folder, newest first; one is made on first use. Only for an installation on loopback: there nobody
 * is asked for a key, and whoever reads the folder owns the machine anyway. Throws `ConfigError` when the file holds no keys.
 *
 * @param mayMake false: something was sealed before, so a new key would open nothing, and the old one must come back
 */
export function keptMasterKeys(dataDir: string, mayMake = true): [Buffer, ...Buffer[]] {
  const file = fileIn(dataDir);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    if (!mayMake) {
      throw new ConfigError([
        `${file} is gone, and what is stored was sealed with it. Put the file back, or set SLIPWAY_MASTER_KEY to its key.`,
      ]);
    }
    text = newMasterKeyText();
    // `wx`: never over an existing key, which would make every stored secret unreadable.
    writeFileSync(file, `${text}\n`, { mode: 0o600, flag: 'wx', flush: true });
    // Its name, too, must outlive a power cut: a key made anew opens nothing that the lost one sealed.
    flushFolder(dataDir);
  }
  chmodSync(file, 0o600);
  const [first, ...older] = text
    .trim()
    .split(/\s+/)
    .map((line) => Buffer.from(line, 'base64'));
  if (!first || ![first, ...older].every((key) => key.length === 32)) {
    throw new ConfigError([`${file} does not hold keys of 32 bytes. Put the original file back.`]);
  }
  return [first, ...older];
}

/** In one step, so that a power cut leaves the old file or the new one. */
export function keepMasterKeys(dataDir: string, keys: readonly Buffer[]): void {
  const file = fileIn(dataDir);
  const text = keys.map((key) => `${key.toString('base64')}\n`).join('');
  writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
  flushFolder(dataDir);
}
