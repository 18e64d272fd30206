/** The sandbox's own notion of now: tokens and JWTs follow it, so that tests can move time. */
export class Clock {
  private offset = 0;

  get offsetMs(): number {
    return this.offset;
  }

  setOffset(offsetMs: number): void {
    this.offset = offsetMs;
  }

  now(): number {
    return Date.now() + this.offset;
  }

  seconds(): number {
    return Math.floor(this.now() / 1000);
  }

  /** Bitbucket writes most timestamps with microseconds and `+00:00` (bitbucket-api §3.1). */
  timestamp(): string {
    return toTimestamp(this.now());
  }
}

export function toTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000+00:00');
}

/** Commit dates carry no fraction. */
export function toCommitDate(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, '+00:00');
}
