import { spawnSync } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const source = join(import.meta.dirname, 'bad-disk.c');

/** What can befall a disk while a server runs; see bad-disk.c. */
export type DiskTrouble = 'full' | 'read-only';

export interface BadDisk {
  /** For the server's process. */
  environment: Record<string, string>;
  begin(trouble: DiskTrouble): void;
  end(): void;
}

/** A disk whose troubles begin and end as a test wants. In words why not, where there is no C compiler or no Linux. */
export function badDisk(folder: string): BadDisk | string {
  if (process.platform !== 'linux') return `this is ${process.platform}`;
  const library = join(folder, 'bad-disk.so');
  const args = ['-shared', '-fPIC', '-O2', '-o', library, source, '-ldl'];
  const { error, status, stderr } = spawnSync('cc', args, { encoding: 'utf8' });
  if (error) return 'there is no C compiler (cc)';
  if (status !== 0) throw new Error(`${source} does not compile:\n${stderr}`);
  const file = join(folder, 'bad-disk');
  return {
    environment: { LD_PRELOAD: library, BAD_DISK_SWITCH: file },
    begin(trouble) {
      // Whole at once: it is read at every write.
      writeFileSync(`${file}.new`, trouble);
      renameSync(`${file}.new`, file);
    },
    end: () => rmSync(file, { force: true }),
  };
}
