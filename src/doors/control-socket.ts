import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { relative } from 'node:path';
import { SlipwayError } from '../core/errors.js';
import type { Logger } from '../core/ports.js';

/** One question and its answer; whatever it returns must be fit for JSON. */
export type ControlCommand = (input: Readonly<Record<string, unknown>>) => Promise<unknown>;

export interface ControlSocket {
  close(): Promise<void>;
}

/** In the data folder. */
export const controlSocketName = 'control.sock';

/** A question is a line of ids at most. */
const maxLineLength = 1024 * 1024;
/** `sun_path` of Linux has 108 bytes, of macOS 104, with the zero at the end. */
const maxPathLength = 103;

/**
 * Lets the operator's commands reach the running server: the database has one writer, and that is this process. A Unix
 * socket in the data folder that only its owner may open: whoever can talk to it could read the folder anyway, so there is
 * no password, and nothing listens on the network.
 *
 * A question is one line of JSON, `{"command":"retry",…}`; so is the answer, `{"ok":true,"result":…}` or
 * `{"ok":false,"code":…,"says":…,"advice":…}`.
 *
 * The caller holds the lock of the data folder, so a socket that is found there belongs to a process that is gone.
 */
export async function openControlSocket(options: {
  path: string;
  commands: Readonly<Record<string, ControlCommand>>;
  logger: Logger;
}): Promise<ControlSocket> {
  const { path, logger } = options;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serve(socket, options);
  });
  try {
    rmSync(path, { force: true });
    await listen(server, path);
  } catch (error) {
    // Pushes matter more: without it the operator's commands that write say that the server does not answer.
    logger.warn({ path, err: error }, 'control.unavailable');
    return { close: () => Promise.resolve() };
  }
  server.on('error', (error) => logger.error({ err: error }, 'control.failed'));
  return {
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** As an address a socket can have: a long path may be short from where we are. */
export function socketAddress(path: string): string {
  const near = relative(process.cwd(), path);
  return Buffer.byteLength(path) > maxPathLength && near.length < path.length ? near : path;
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // The socket is made within this call; from its first moment on it is closed to others.
    const before = process.umask(0o177);
    try {
      server.listen(socketAddress(path), () => {
        server.removeListener('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
    server.once('listening', () => chmodSync(path, 0o600));
  });
}

function serve(
  socket: Socket,
  options: { commands: Readonly<Record<string, ControlCommand>>; logger: Logger },
): void {
  let text = '';
  // One after the other: answers come in the order of the questions.
  let last = Promise.resolve();
  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    if (text.length > maxLineLength) socket.destroy();
    for (const line of lines) {
      last = last.then(async () => {
        const answer = await answerTo(line, options);
        if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`);
      });
    }
  });
}

async function answerTo(
  line: string,
  { commands, logger }: { commands: Readonly<Record<string, ControlCommand>>; logger: Logger },
): Promise<object> {
  const input = parse(line);
  const name = typeof input?.['command'] === 'string' ? input['command'] : '';
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!input || !command) {
    return {
      ok: false,
      code: 'command_unknown',
      says: 'The running Slipway does not know this command',
      advice: 'It may be of another version: restart it, or use the command of its version.',
    };
  }
  try {
    const result = await command(input);
    logger.info({ command: name }, 'control.done');
    return { ok: true, result };
  } catch (error) {
    logger.warn({ command: name, err: error }, 'control.refused');
    if (error instanceof SlipwayError) {
      return { ok: false, code: error.code, says: error.message, advice: error.advice };
    }
    const advice = 'The log of the server says why.';
    return { ok: false, code: 'internal', says: 'The command failed', advice };
  }
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
