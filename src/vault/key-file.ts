import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, writeFileSync } from 'node:fs';
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

/**
 * The key kept in the data folder, made on first use. Only for an installation on loopback: there nobody is asked for a key,
 * and whoever reads the folder owns the machine anyway. Throws `ConfigError` when the file is not a key.
 */
export function keptMasterKey(dataDir: string): Buffer {
  const file = join(dataDir, 'master.key');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    text = newMasterKeyText();
    // `wx`: never over an existing key, which would make every stored secret unreadable.
    writeFileSync(file, `${text}\n`, { mode: 0o600, flag: 'wx', flush: true });
    // Its name, too, must outlive a power cut: a key made anew opens nothing that the lost one sealed.
    flushFolder(dataDir);
  }
  chmodSync(file, 0o600);
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== 32) {
    throw new ConfigError([`${file} does not hold a key of 32 bytes. Put the original file back.`]);
  }
  return key;
}
