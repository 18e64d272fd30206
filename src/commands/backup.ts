import { databaseInWords, type DatabaseAddress } from '../config/database-url.js';
import {
  createBackup,
  createKeyBackup,
  keyFilePattern,
  type BackupManifest,
} from '../storage/backup.js';
import { factsOf } from '../storage/postgres/examine.js';
import { keyTextsIn } from '../storage/restore.js';
import { masterKey } from '../vault/key-ring.js';
import {
  dataDirOption,
  parseArguments,
  placeOf,
  printable,
  runCommand,
  UsageError,
  type CommandIo,
} from './io.js';

/** `slipway backup FILE`: while the server runs, without making it wait. */
export function runBackupCommand(argv: string[], io: CommandIo): Promise<number> {
  return runCommand('backup', io, async () => {
    const { values, positionals } = parseArguments({
      args: argv,
      allowPositionals: true,
      options: dataDirOption,
    });
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new UsageError('it takes one FILE.');
    const { dataDir, databaseUrl, address } = placeOf(values, io);
    const options = { dataDir, file, now: io.now() };
    if (address.kind === 'postgres') io.err(dumpAdvice(address, dataDir));
    const manifest =
      databaseUrl === null
        ? await createBackup(options)
        : await createKeyBackup({ ...options, facts: await factsOf(databaseUrl) });
    io.out(`${printable(file)}: ${manifest.files.map(({ name }) => name).join(', ')}\n`);
    io.err(keyAdvice(manifest, dataDir));
    return 0;
  });
}

/** PostgreSQL has better ways than ours; this command keeps what they do not. */
function dumpAdvice(
  address: Extract<DatabaseAddress, { kind: 'postgres' }>,
  dataDir: string,
): string {
  // Not from the address as it was given: a password may be anywhere in it.
  const where = `--host=${address.host} --port=${address.port} --dbname=${address.name}`;
  return [
    `The database is ${databaseInWords(address, dataDir)}. Its own tools save it, for example:\n`,
    `  pg_dump --format=custom --file=slipway.dump ${printable(where)}\n`,
    'This command saves only the master key that is kept in the data folder.\n',
  ].join('');
}

/** Which of the keys that seal its secrets are not in it. Fingerprints are safe to show. */
export function missingKeys(manifest: BackupManifest, dataDir: string): string[] {
  const kept = keyTextsIn(dataDir).map((text) => masterKey(Buffer.from(text, 'base64')).id);
  return manifest.masterKeysNeeded.filter((id) => !kept.includes(id));
}

function keyAdvice(manifest: BackupManifest, dataDir: string): string {
  const missing = missingKeys(manifest, dataDir);
  const holdsKey = manifest.files.some(({ name }) => keyFilePattern.test(name));
  return [
    holdsKey ? 'It holds the master key: whoever has this file can read every secret in it.\n' : '',
    missing.length > 0
      ? `Its secrets are sealed with master key ${missing.join(', ')}, which is not in it: keep SLIPWAY_MASTER_KEY elsewhere.\n`
      : '',
  ].join('');
}
