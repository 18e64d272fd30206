import { appendFile, readFile, rename, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { FloodBrake } from './flood-brake.js';
import type { Masker } from './masker.js';

const longestLine = 16 * 1024;

/** What a running app prints: the newest part, in two files that take turns. */
export class AppLog {
  readonly #file: string;
  readonly #masker: Masker;
  readonly #maxBytes: number;
  readonly #brake = new FloodBrake();
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #waiting = '';
  #writing: Promise<void> | null = null;

  constructor(file: string, masker: Masker, maxBytes: number) {
    this.#file = file;
    this.#masker = masker;
    this.#maxBytes = maxBytes;
  }

  take(chunk: Buffer, from: Readable): void {
    this.#brake.take(chunk.length, from);
    this.#rest += this.#decoder.write(chunk);
    const end = this.#rest.lastIndexOf('\n');
    if (end >= 0) {
      this.#write(this.#masker.apply(this.#rest.slice(0, end + 1)));
      this.#rest = this.#rest.slice(end + 1);
    }
    if (this.#rest.length > longestLine) {
      const masked = this.#masker.apply(this.#rest);
      const cut = Math.max(0, masked.length - this.#masker.longest);
      this.#write(`${masked.slice(0, cut)}\n`);
      this.#rest = masked.slice(cut);
    }
  }

  note(text: string): void {
    this.#write(`» ${text}\n`);
  }

  async close(): Promise<void> {
    if (this.#rest !== '') this.#write(`${this.#masker.apply(this.#rest)}\n`);
    this.#rest = '';
    while (this.#writing !== null) await this.#writing;
  }

  #write(text: string): void {
    // An app that prints faster than the disk takes it loses lines, not our memory.
    if (this.#waiting.length > this.#maxBytes) return;
    this.#waiting += text;
    this.#writing ??= this.#flush().finally(() => {
      this.#writing = null;
    });
  }

  async #flush(): Promise<void> {
    while (this.#waiting !== '') {
      const text = this.#waiting;
      this.#waiting = '';
      try {
        const size = await stat(this.#file).then(
          (facts) => facts.size,
          () => 0,
        );
        if (size > this.#maxBytes) await rename(this.#file, `${this.#file}.1`);
        await appendFile(this.#file, text, { mode: 0o600 });
      } catch {
        // A full disk must not take the app down with it.
      }
    }
  }
}

export async function readAppLog(file: string): Promise<string | null> {
  const parts = await Promise.all(
    [`${file}.1`, file].map((part) => readFile(part, 'utf8').catch(() => '')),
  );
  const text = parts.join('');
  return text === '' ? null : text;
}
