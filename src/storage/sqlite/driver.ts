import { createRequire } from 'node:module';
import type sqlite3 from 'sqlite3';
import { ConfigError } from '../../core/errors.js';

const require = createRequire(import.meta.url);

/**
 * sqlite3 is a native module: with install scripts switched off, npm installs it without its binary, and the first thing
 * an operator would see is a stack trace of `bindings`. Loaded here, so that the message says what to do.
 */
export function loadSqlite(): typeof sqlite3 {
  try {
    return require('sqlite3') as typeof sqlite3;
  } catch (error) {
    const detail = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new ConfigError([
      `The database driver sqlite3 has no binary for this machine (${detail}). ` +
        'Run `npm rebuild sqlite3`; it needs python3, make and a C++ compiler when no prebuilt binary fits, ' +
        'and npm must be allowed to run its install script.',
    ]);
  }
}
