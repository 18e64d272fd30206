import { exportWorkspace } from '../actions/export-workspace.js';
import { openAnyReadOnly } from '../storage/open-read-only.js';
import {
  dataDirOption,
  parseArguments,
  placeOf,
  printable,
  runCommand,
  UsageError,
  type CommandIo,
} from './io.js';

/** `slipway export WORKSPACE_UUID`: JSON lines on stdout. Exit code 1 when nothing is stored of the workspace. */
export function runExportCommand(argv: string[], io: CommandIo): Promise<number> {
  return runCommand('export', io, async () => {
    const { values, positionals } = parseArguments({
      args: argv,
      allowPositionals: true,
      options: dataDirOption,
    });
    const [named, ...more] = positionals;
    if (named === undefined || more.length > 0)
      throw new UsageError('it takes one WORKSPACE_UUID.');
    const storage = await openAnyReadOnly(placeOf(values, io));
    try {
      let lines = 0;
      for await (const line of exportWorkspace(withBraces(named), storage)) {
        io.out(`${line}\n`);
        await io.drained?.();
        lines += 1;
      }
      if (lines > 0) return 0;
      io.err(`slipway export: nothing is stored of workspace ${printable(named)}.\n`);
      return 1;
    } finally {
      await storage.close();
    }
  });
}

/** As Bitbucket writes a uuid, and as it is stored; shells make braces hard to type. */
function withBraces(uuid: string): string {
  return uuid.startsWith('{') ? uuid : `{${uuid}}`;
}
