/** A clock that stands still until it is moved. */
export function testClock(start = 1_800_000_000_000): {
  now: () => number;
  advance(ms: number): void;
} {
  let time = start;
  return {
    now: () => time,
    advance: (ms) => {
      time += ms;
    },
  };
}
