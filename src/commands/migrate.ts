import { migrateDataFolder } from '../storage/migrate-folder.js';
import { migrateServer } from '../storage/postgres/schema.js';
import { dataDirOption, parseArguments, placeOf, runCommand, type CommandIo } from './io.js';

/** `slipway migrate`: brings the database up to date without starting a server, which does the same at its start. */
export function runMigrateCommand(argv: string[], io: CommandIo): Promise<number> {
  return runCommand('migrate', io, async () => {
    const { values } = parseArguments({ args: argv, options: dataDirOption });
    const { dataDir, databaseUrl } = placeOf(values, io);
    const applied =
      databaseUrl === null
        ? await migrateDataFolder(dataDir)
        : await migrateServer(databaseUrl, () => io.now());
    if (applied.length === 0) io.out('The database is up to date.\n');
    for (const name of applied) io.out(`Applied ${name}.\n`);
    return 0;
  });
}
