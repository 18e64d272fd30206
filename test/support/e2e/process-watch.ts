import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const everyMs = 15;

/** Collects the command lines of a process and of everything it starts, as anybody on the machine could. Linux only. */
export class ProcessWatch {
  readonly commandLines = new Set<string>();
  readonly #pid: number;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;

  constructor(pid: number) {
    this.#pid = pid;
    this.#loop = this.#run();
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#look();
      await delay(everyMs);
    }
  }

  #look(): void {
    const parents = new Map<number, number>();
    for (const name of readdirSync('/proc')) {
      const parent = /^PPid:\s+(\d+)/m.exec(read(`/proc/${name}/status`))?.[1];
      if (parent !== undefined) parents.set(Number(name), Number(parent));
    }
    const family = [this.#pid];
    for (const member of family) {
      for (const [child, parent] of parents) if (parent === member) family.push(child);
    }
    for (const pid of family) {
      const line = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      if (line !== '') this.commandLines.add(line);
    }
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
