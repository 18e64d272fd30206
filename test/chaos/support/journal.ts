import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/** One JSON document a line, on the disk before `write` returns: what judges a crash must not depend on memory. */
export class Journal<Line extends object> {
  readonly file: string;
  readonly #fd: number;
  #isClosed = false;

  constructor(file: string) {
    this.file = file;
    this.#fd = openSync(file, 'a');
  }

  /** After `close` nothing is written: what a run left under way is no longer its business. */
  write(line: Line): void {
    if (this.#isClosed) return;
    writeSync(this.#fd, `${JSON.stringify(line)}\n`);
    fdatasyncSync(this.#fd);
  }

  read(): Line[] {
    return readFileSync(this.file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  }

  close(): void {
    this.#isClosed = true;
    closeSync(this.#fd);
  }
}
