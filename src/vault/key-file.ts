import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../core/errors.js';

/** 32 random bytes as an operator stores them: base64, 44 characters. */
export function newMasterKeyText(): string {
  return randomBytes(32).toString('base64');
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
    writeFileSync(file, `${text}\n`, { mode: 0o600, flag: 'wx' });
  }
  chmodSync(file, 0o600);
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== 32) {
    throw new ConfigError([`${file} does not hold a key of 32 bytes. Put the original file back.`]);
  }
  return key;
}
