import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { benchFolder, tempFolder } from './process.js';

/** Environment that makes every flush of a process sleep 4 ms, or why that cannot be had here. */
export function slowDisk(): { env: Record<string, string> } | { missing: string } {
  if (process.platform !== 'linux') return { missing: 'LD_PRELOAD works on Linux only' };
  const library = join(tempFolder('slow-flush'), 'slow-flush.so');
  const source = join(benchFolder, 'slow-flush.c');
  try {
    execFileSync('cc', ['-O2', '-shared', '-fPIC', '-o', library, source, '-ldl'], {
      stdio: 'pipe',
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { missing: code === 'ENOENT' ? 'no C compiler (cc)' : 'cc failed' };
  }
  return { env: { LD_PRELOAD: library } };
}
