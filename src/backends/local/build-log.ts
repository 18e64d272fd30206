import { createWriteStream, type WriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { FloodBrake } from './flood-brake.js';
import { escapeForPattern, type Masker } from './masker.js';

const tailLines = 50;
const tailLineLength = 1000;
const longestLine = 16 * 1024;
const keptEndBytes = 64 * 1024;
// eslint-disable-next-line no-control-regex -- terminal colours are control characters
const terminalCodes = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b[@-_]/g;

/**
 * The log of one deployment: a capped file and its last lines, secrets masked before anything is kept. Once the file is
 * full, the newest part is held in memory and added at the end, because the end says what went wrong.
 */
export class BuildLog {
  readonly #masker: Masker;
  readonly #maxBytes: number;
  readonly #onLine: () => void;
  readonly #file: WriteStream;
  readonly #brake = new FloodBrake();
  #source: RegExp | null = null;
  #fileError: Error | null = null;
  #isClosed = false;
  #written = 0;
  #rest = '';
  #decoder = new StringDecoder('utf8');
  #tail: string[] = [];
  #overflow: Buffer[] = [];
  #overflowBytes = 0;
  #leftOut = 0;

  constructor(file: string, masker: Masker, maxBytes: number, onLine: () => void) {
    this.#masker = masker;
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
    this.#file = createWriteStream(file, { flags: 'a', mode: 0o600 });
    this.#file.on('error', (error) => {
      this.#fileError = error;
    });
  }

  get tail(): string[] {
    return [...this.#tail];
  }

  /** Set when the log could not be written, for example because the disk is full. */
  get error(): Error | null {
    return this.#fileError;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** From here on files below this folder are named from there: where it lies helps nobody, and is nobody's business. */
  nameFilesFrom(folder: string): void {
    this.#source = new RegExp(
      `(?:file://)?${escapeForPattern(folder)}(?:/(?=[^\\s'"])|(?![\\w-]))`,
      'g',
    );
  }

  /** A line of ours, between the lines of the programs. */
  note(text: string): void {
    this.#endLine();
    this.#line(`» ${text}`);
  }

  take(chunk: Buffer, from: Readable): void {
    this.#brake.take(chunk.length, from);
    if (this.#written < this.#maxBytes) this.#lines(this.#decoder.write(chunk));
    else this.#keepEnd(chunk);
  }

  /** Between two programs: an unfinished line ends, and lines held back are shown. */
  endProgram(): void {
    this.#endLine();
    this.#decoder = new StringDecoder('utf8');
    if (this.#overflowBytes === 0) return;
    const end = Buffer.concat(this.#overflow).toString('utf8');
    this.#leftOut -= this.#overflowBytes;
    this.#overflow = [];
    this.#overflowBytes = 0;
    this.#write(`» … the log is full; ${Math.max(0, this.#leftOut)} bytes are left out here …\n`);
    this.#leftOut = 0;
    // The cut may go through a secret, so what it could have halved is dropped.
    const newline = end.indexOf('\n');
    const whole = this.#masker.apply(end.slice(newline < 0 ? this.#masker.longest : newline + 1));
    for (const line of whole.replace(/\n$/, '').split('\n')) this.#line(line.slice(-longestLine));
  }

  async close(): Promise<void> {
    this.endProgram();
    this.#isClosed = true;
    await new Promise<void>((resolve) => {
      if (this.#file.closed || this.#file.destroyed) resolve();
      else {
        this.#file.once('close', () => resolve());
        this.#file.end();
      }
    });
  }

  #lines(text: string): void {
    this.#rest += text;
    let end = this.#rest.search(/[\r\n]/);
    while (end >= 0) {
      const isPair = this.#rest.startsWith('\r\n', end);
      this.#line(this.#rest.slice(0, end));
      this.#rest = this.#rest.slice(end + (isPair ? 2 : 1));
      end = this.#rest.search(/[\r\n]/);
    }
    if (this.#rest.length > longestLine) this.#cutLongLine();
  }

  /** Masked first and cut short of what could still become a secret, so that no secret is halved. */
  #cutLongLine(): void {
    const masked = this.#masker.apply(this.#rest);
    const cut = Math.max(0, masked.length - this.#masker.longest);
    if (cut === 0) return;
    this.#line(masked.slice(0, cut));
    this.#rest = masked.slice(cut);
  }

  #endLine(): void {
    if (this.#rest === '') return;
    this.#line(this.#rest);
    this.#rest = '';
  }

  #line(raw: string): void {
    const line = this.#shorter(this.#masker.apply(raw.replace(terminalCodes, ''))).trimEnd();
    if (line === '' && this.#tail.at(-1) === '') return;
    this.#tail.push(line.slice(0, tailLineLength));
    if (this.#tail.length > tailLines) this.#tail.shift();
    this.#write(`${line}\n`);
    this.#onLine();
  }

  /** After the secrets are masked: a shortened one would not be recognised. */
  #shorter(line: string): string {
    if (this.#source === null) return line;
    return line.replace(this.#source, (found) => (found.endsWith('/') ? '' : '.'));
  }

  #write(text: string): void {
    this.#written += Buffer.byteLength(text);
    if (this.#fileError === null && !this.#isClosed) this.#file.write(text);
  }

  #keepEnd(chunk: Buffer): void {
    if (this.#overflowBytes === 0) this.#endLine();
    this.#overflow.push(chunk);
    this.#overflowBytes += chunk.length;
    this.#leftOut += chunk.length;
    while (this.#overflowBytes - (this.#overflow[0]?.length ?? 0) > keptEndBytes) {
      this.#overflowBytes -= this.#overflow.shift()?.length ?? 0;
    }
  }
}
