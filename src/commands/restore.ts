import { restoreBackup } from '../storage/restore.js';
import { missingKeys } from './backup.js';
import {
  dataDirOf,
  dataDirOption,
  parseArguments,
  printable,
  runCommand,
  UsageError,
  type CommandIo,
} from './io.js';

const options = { force: { type: 'boolean', default: false }, ...dataDirOption } as const;

/** `slipway restore FILE [--force]`: into a data folder that no server owns. */
export function runRestoreCommand(argv: string[], io: CommandIo): Promise<number> {
  return runCommand('restore', io, async () => {
    const { values, positionals } = parseArguments({
      args: argv,
      allowPositionals: true,
      options,
    });
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new UsageError('it takes one FILE.');
    const dataDir = dataDirOf(values, io);
    const restored = await restoreBackup({ dataDir, file, force: values.force, now: io.now() });
    const { manifest, movedAside } = restored;
    const isKeysOnly = manifest.database === 'postgres';
    const what = isKeysOnly ? `The master key in ${printable(dataDir)}` : printable(dataDir);
    io.out(`${what} is as it was at ${printable(manifest.createdAt)}.\n`);
    if (isKeysOnly) io.err('The database is restored with pg_restore, before Slipway starts.\n');
    if (movedAside !== null) io.err(`What was there is in ${printable(movedAside)}.\n`);
    const missing = missingKeys(manifest, dataDir);
    if (missing.length > 0) {
      io.err(
        `Start with SLIPWAY_MASTER_KEY set to key ${printable(missing.join(', '))}: it seals the secrets.\n`,
      );
    }
    io.err(
      'Pushes since then are found by looking at Bitbucket when the server starts. Sites and apps of the local backend are ' +
        'not in a backup: deploy them again.\n',
    );
    return 0;
  });
}
