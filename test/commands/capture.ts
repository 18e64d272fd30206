import type { CommandIo } from '../../src/commands/io.js';

export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** Runs a command of the operator in this process and keeps what it says. */
export async function run(
  command: (argv: string[], io: CommandIo) => Promise<number>,
  argv: string[],
  io: { dataDir: string; databaseUrl?: string; now?: () => number },
): Promise<Ran> {
  let [out, err] = ['', ''];
  const code = await command(argv, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    dataDir: io.dataDir,
    databaseUrl: io.databaseUrl ?? null,
    now: io.now ?? Date.now,
  });
  return { code, out, err };
}
