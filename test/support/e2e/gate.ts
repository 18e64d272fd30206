import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { waitFor } from './wait-for.js';

/**
 * A place where a build and its test wait for each other, whichever user the build runs as. The build notes its arrival
 * under its number and goes on once the gate is open, or by itself after `longestWaitS`, so that nothing is left behind
 * when a test fails.
 */
export class Gate {
  readonly folder: string;
  /** Lines of shell for the build. */
  readonly script: string;

  constructor(folder: string, longestWaitS = 30) {
    this.folder = folder;
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    this.script = [
      `echo $$ > ${folder}/arrived-$SLIPWAY_DEPLOYMENT-$$`,
      `i=0; while [ ! -e ${folder}/open ] && [ $i -lt ${longestWaitS * 20} ]; do sleep 0.05; i=$((i+1)); done`,
      '',
    ].join('\n');
  }

  /** Process numbers of the builds that have come so far. */
  get arrivals(): number[] {
    return readdirSync(this.folder)
      .filter((name) => name.startsWith('arrived-'))
      .map((name) => Number(readFileSync(join(this.folder, name), 'utf8')))
      .filter((pid) => pid > 0);
  }

  async arrived(count = 1): Promise<number[]> {
    return waitFor(`build number ${count} to arrive`, () =>
      this.arrivals.length >= count ? this.arrivals : null,
    );
  }

  open(): void {
    writeFileSync(join(this.folder, 'open'), '');
  }

  get isOpen(): boolean {
    return existsSync(join(this.folder, 'open'));
  }
}
