import { connect, type Socket } from 'node:net';
import { percentile } from './stats.js';

/** The next request, whole: head and body. Its buffer must stay untouched until it is answered. */
export type NextRequest = () => Buffer;

export interface LoadResult {
  /** Answered as expected. */
  ok: number;
  /** Answered otherwise, by status; `0` is a connection that broke. */
  others: Record<number, number>;
  seconds: number;
  perSecond: number;
  p50: number;
  p99: number;
  max: number;
  /** Everything that was answered, warm-up included. */
  all: number;
  /** Of every answer, in ms, for figures of one's own. */
  latencies: number[];
}

/**
 * A connection that keeps alive, on a bare socket: `node:http`'s client costs more than most servers measured here, and both
 * share two cores. One request at a time. Reads what our servers send: a status, and a body of known or chunked length.
 */
class Connection {
  readonly #port: number;
  #socket: Socket | null = null;
  #received = '';
  #settle: ((status: number) => void) | null = null;

  constructor(port: number) {
    this.#port = port;
  }

  send(request: Buffer): Promise<number> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#socket ??= this.#open();
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#read(text));
    const lost = (): void => {
      if (this.#socket === socket) this.#socket = null;
      this.#answer(0);
    };
    socket.on('error', () => undefined);
    socket.on('close', lost);
    return socket;
  }

  #read(text: string): void {
    this.#received = this.#received === '' ? text : this.#received + text;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.#received.slice(0, headEnd);
    const body = this.#received.length - headEnd - 4;
    const status = Number(head.slice(9, 12));
    if (status !== 204 && status !== 304) {
      if (/\r\ntransfer-encoding: chunked/i.test(head)) {
        if (!this.#received.endsWith('0\r\n\r\n')) return;
      } else if (body < Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)) return;
    }
    this.#received = '';
    this.#answer(status);
  }

  #answer(status: number): void {
    const settle = this.#settle;
    this.#settle = null;
    this.#received = '';
    settle?.(status);
  }
}

/** So many connections, each with one request under way, for so long. `warmUpMs` is not counted. */
export async function closedLoop(options: {
  port: number;
  connections: number;
  next: NextRequest;
  warmUpMs: number;
  measureMs: number;
  expect?: number;
}): Promise<LoadResult> {
  const { port, next, expect = 204 } = options;
  const from = performance.now() + options.warmUpMs;
  const until = from + options.measureMs;
  const latencies: number[] = [];
  const others: Record<number, number> = {};
  let ok = 0;
  let all = 0;
  let last = from;
  const work = async (): Promise<void> => {
    const connection = new Connection(port);
    for (;;) {
      const sent = performance.now();
      if (sent >= until) break;
      const status = await connection.send(next());
      const answered = performance.now();
      if (status === 0) await new Promise((resolve) => setTimeout(resolve, 50));
      all += 1;
      if (answered < from) continue;
      // What was under way at the end counts with its time, or slow servers would be flattered.
      last = Math.max(last, answered);
      latencies.push(answered - sent);
      if (status === expect) ok += 1;
      else others[status] = (others[status] ?? 0) + 1;
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: options.connections }, work));
  return { ...result(ok, others, (last - from) / 1000, latencies), all };
}

/** `count` requests over so many connections, as fast as they are answered. */
export async function burst(options: {
  port: number;
  connections: number;
  count: number;
  next: NextRequest;
  expect?: number;
}): Promise<LoadResult> {
  const { port, next, expect = 204 } = options;
  const latencies: number[] = [];
  const others: Record<number, number> = {};
  let ok = 0;
  let left = options.count;
  const started = performance.now();
  const work = async (): Promise<void> => {
    const connection = new Connection(port);
    while (left > 0) {
      left -= 1;
      const sent = performance.now();
      const status = await connection.send(next());
      latencies.push(performance.now() - sent);
      if (status === expect) ok += 1;
      else others[status] = (others[status] ?? 0) + 1;
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: options.connections }, work));
  return result(ok, others, (performance.now() - started) / 1000, latencies);
}

/**
 * So many a second whatever the answers do, over at most `connections`. Times count from when a request was due, not from
 * when a connection was free: a server that stalls must not slow its own load down.
 */
export async function openLoop(options: {
  port: number;
  connections: number;
  perSecond: number;
  seconds: number;
  next: NextRequest;
  expect?: number;
  /** Called beside the load, about once a second, with the answers of that second (ms). */
  onSecond?: (latencies: readonly number[]) => void;
}): Promise<LoadResult> {
  const { port, perSecond, next, expect = 204 } = options;
  const total = Math.round(perSecond * options.seconds);
  const idle = Array.from({ length: options.connections }, () => new Connection(port));
  const all = [...idle];
  const due: number[] = [];
  const latencies: number[] = [];
  const others: Record<number, number> = {};
  let ok = 0;
  let answered = 0;
  let scheduled = 0;
  let told = 0;
  const started = performance.now();
  await new Promise<void>((resolve) => {
    const pump = (): void => {
      for (;;) {
        const connection = due.length > 0 ? idle.pop() : undefined;
        const at = connection ? due.shift() : undefined;
        if (!connection || at === undefined) return;
        void connection.send(next()).then((status) => {
          latencies.push(performance.now() - at);
          if (status === expect) ok += 1;
          else others[status] = (others[status] ?? 0) + 1;
          idle.push(connection);
          answered += 1;
          if (answered === total) {
            clearInterval(ticker);
            clearInterval(seconds);
            resolve();
          } else pump();
        });
      }
    };
    const ticker = setInterval(() => {
      const now = performance.now();
      while (scheduled < total && started + (scheduled * 1000) / perSecond <= now) {
        due.push(started + (scheduled * 1000) / perSecond);
        scheduled += 1;
      }
      pump();
    }, 1);
    const seconds = setInterval(() => {
      options.onSecond?.(latencies.slice(told));
      told = latencies.length;
    }, 1000);
  });
  for (const connection of all) connection.close();
  return result(ok, others, (performance.now() - started) / 1000, latencies);
}

function result(
  ok: number,
  others: Record<number, number>,
  seconds: number,
  latencies: number[],
): LoadResult {
  const sorted = [...latencies].sort((a, b) => a - b);
  return {
    ok,
    all: latencies.length,
    others,
    seconds,
    perSecond: ok / seconds,
    p50: percentile(sorted, 50),
    p99: percentile(sorted, 99),
    max: sorted.at(-1) ?? 0,
    latencies,
  };
}

/** Every answer has to be what was expected: a fast refusal is no figure. */
export function assertClean(what: string, { ok, others }: LoadResult): void {
  const odd = Object.entries(others);
  if (ok === 0 || odd.length > 0) {
    const list = odd.map(([status, count]) => `${count} × ${status === '0' ? 'broken' : status}`);
    throw new Error(`${what}: ${ok} answered as expected, ${list.join(', ') || 'no other'}`);
  }
}
