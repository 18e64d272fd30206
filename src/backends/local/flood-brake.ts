import type { Readable } from 'node:stream';

const windowMs = 100;
const bytesPerWindow = 512 * 1024;

/** Slows a program that prints without end to a few MB a second, so that its output cannot take our one thread. */
export class FloodBrake {
  #windowStart = 0;
  #taken = 0;

  take(bytes: number, from: Readable): void {
    const now = performance.now();
    if (now - this.#windowStart > windowMs) {
      this.#windowStart = now;
      this.#taken = 0;
    }
    this.#taken += bytes;
    if (this.#taken <= bytesPerWindow || from.isPaused()) return;
    from.pause();
    setTimeout(() => from.resume(), windowMs);
  }
}
