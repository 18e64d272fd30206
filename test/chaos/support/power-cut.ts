import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Random } from './random.js';
import type { PowerCut } from './run.js';

const source = join(import.meta.dirname, 'power-cut.c');
const sectorBytes = 512;

export type Build = { ok: true; library: string } | { ok: false; why: string };

/** Builds the preload library with the system's C compiler. Linux only: elsewhere nothing preloads. */
export function buildLibrary(folder: string): Build {
  if (process.platform !== 'linux') return { ok: false, why: `this is ${process.platform}` };
  const library = join(folder, 'power-cut.so');
  const args = ['-shared', '-fPIC', '-O2', '-o', library, source, '-ldl'];
  const { error, status, stderr } = spawnSync('cc', args, { encoding: 'utf8' });
  if (error) return { ok: false, why: 'there is no C compiler (cc)' };
  if (status !== 0) throw new Error(`${source} does not compile:\n${stderr}`);
  return { ok: true, library };
}

export interface PowerCutOptions {
  library: string;
  folder: string;
  random: Random;
  /** As SQLite's synchronous=NORMAL would flush; see power-cut.c. */
  normal?: boolean;
}

/**
 * The power goes with the process. Every second time nothing but what was flushed is left; in between, some sectors of what
 * was written since are on the disk, too, as a disk may choose to do.
 */
export class PreloadedPowerCut implements PowerCut {
  readonly #options: PowerCutOptions;
  readonly #shadow: string;
  #cuts = 0;

  constructor(options: PowerCutOptions) {
    this.#options = options;
    this.#shadow = join(options.folder, 'shadow');
  }

  environment(dataDir: string): Record<string, string> {
    return {
      LD_PRELOAD: this.#options.library,
      POWER_ROOT: dataDir,
      POWER_SHADOW: this.#shadow,
      ...(this.#options.normal ? { POWER_NORMAL: '1' } : {}),
    };
  }

  cut(dataDir: string): void {
    const kept = join(this.#shadow, 'kept');
    if (!existsSync(join(kept, 'slipway.sqlite'))) {
      throw new Error('nothing was flushed, or the library was not preloaded');
    }
    this.#cuts += 1;
    const isTorn = this.#cuts % 2 === 0 && this.#options.normal !== true;
    const files = readdirSync(kept, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.power-copy'))
      .map((entry) => join(entry.parentPath, entry.name).slice(kept.length + 1));
    const gone = `${dataDir}-gone`;
    renameSync(dataDir, gone);
    mkdirSync(dataDir);
    for (const file of files) {
      const flushed = readFileSync(join(kept, file));
      const left = isTorn ? this.#torn(flushed, join(gone, file)) : flushed;
      const path = join(dataDir, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, left, { mode: 0o600 });
      // From here on this is what the disk has.
      writeFileSync(join(kept, file), left);
    }
    rmSync(join(this.#shadow, 'unnamed'), { recursive: true, force: true });
    rmSync(gone, { recursive: true, force: true });
  }

  /** What was flushed, with some of the sectors that were written afterwards. */
  #torn(flushed: Buffer, writtenFile: string): Buffer {
    if (!existsSync(writtenFile)) return flushed;
    const written = readFileSync(writtenFile);
    const mixed = Buffer.alloc(Math.max(flushed.length, written.length));
    flushed.copy(mixed);
    for (let at = 0; at < written.length; at += sectorBytes) {
      if (this.#options.random.chance(0.5)) written.copy(mixed, at, at, at + sectorBytes);
    }
    return mixed;
  }
}
