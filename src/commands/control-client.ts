import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { controlSocketName, socketAddress } from '../doors/control-socket.js';

export type ControlAnswer =
  { ok: true; result: unknown } | { ok: false; code: string; says: string; advice: string };

const patienceMs = 60_000;

/** Asks the server that owns the data folder; null when none listens there. */
export async function askServer(
  dataDir: string,
  question: Readonly<Record<string, unknown>>,
): Promise<ControlAnswer | null> {
  const socket = await reach(join(dataDir, controlSocketName));
  if (!socket) return null;
  try {
    socket.setTimeout(patienceMs, () => socket.destroy(new Error('the server does not answer')));
    socket.write(`${JSON.stringify(question)}\n`);
    return JSON.parse(await firstLineOf(socket)) as ControlAnswer;
  } finally {
    socket.destroy();
  }
}

async function reach(path: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketAddress(path));
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // Refused: the process that made the socket is gone.
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(null);
      else reject(error);
    });
  });
}

async function firstLineOf(socket: Socket): Promise<string> {
  socket.setEncoding('utf8');
  let text = '';
  for await (const chunk of socket) {
    text += chunk as string;
    const end = text.indexOf('\n');
    if (end !== -1) return text.slice(0, end);
  }
  throw new Error('the server ended the conversation');
}
