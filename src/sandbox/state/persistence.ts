import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { isObject } from '../json.js';
import { emptyData, type SandboxData } from './model.js';

const fileName = 'sandbox.json';

export async function loadData(dataDir: string): Promise<SandboxData> {
  let text: string;
  try {
    text = await readFile(join(dataDir, fileName), 'utf8');
  } catch (error) {
    if (isObject(error) && error['code'] === 'ENOENT') return emptyData();
    throw error;
  }
  const parsed: unknown = JSON.parse(text);
  if (!isObject(parsed) || parsed['version'] !== 1) {
    throw new Error(`${join(dataDir, fileName)} was not written by this version of the sandbox`);
  }
  return { ...emptyData(), ...(parsed as unknown as SandboxData) };
}

/**
 * Writes the state beside the repositories, whole or not at all. Changes that arrive while a
 * write is running are saved by the next one, so a burst costs two writes.
 */
export class Saver {
  private readonly dataDir: string;
  private readonly snapshot: () => SandboxData;
  private dirty = false;
  private running: Promise<void> | null = null;

  constructor(dataDir: string, snapshot: () => SandboxData) {
    this.dataDir = dataDir;
    this.snapshot = snapshot;
  }

  changed(): void {
    this.dirty = true;
    this.running ??= this.write().finally(() => {
      this.running = null;
    });
  }

  async flush(): Promise<void> {
    await this.running;
  }

  private async write(): Promise<void> {
    await mkdir(this.dataDir, { recursive: true });
    while (this.dirty) {
      // Lets the request that made the change finish changing things first.
      await new Promise((resolve) => setImmediate(resolve));
      this.dirty = false;
      const target = join(this.dataDir, fileName);
      // Holds secrets and tokens: readable by this user only.
      await writeFile(`${target}.new`, JSON.stringify(this.snapshot(), null, 1), { mode: 0o600 });
      await rename(`${target}.new`, target);
    }
  }
}
