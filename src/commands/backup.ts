import { createBackup, type BackupManifest } from '../storage/backup.js';
import { keyTextsIn } from '../storage/restore.js';
import { masterKey } from '../vault/key-ring.js';
import {
  dataDirOf,
  dataDirOption,
  parseArguments,
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
    const dataDir = dataDirOf(values, io);
    const manifest = await createBackup({ dataDir, file, now: io.now() });
    io.out(`${printable(file)}: ${manifest.files.map(({ name }) => name).join(', ')}\n`);
    io.err(keyAdvice(manifest, dataDir));
    return 0;
  });
}

/** Which of the keys that seal its secrets are not in it. Fingerprints are safe to show. */
export function missingKeys(manifest: BackupManifest, dataDir: string): string[] {
  const kept = keyTextsIn(dataDir).map((text) => masterKey(Buffer.from(text, 'base64')).id);
  return manifest.masterKeysNeeded.filter((id) => !kept.includes(id));
}

function keyAdvice(manifest: BackupManifest, dataDir: string): string {
  const missing = missingKeys(manifest, dataDir);
  const holdsKey = manifest.files.length > 1;
  return [
    holdsKey ? 'It holds the master key: whoever has this file can read every secret in it.\n' : '',
    missing.length > 0
      ? `Its secrets are sealed with master key ${missing.join(', ')}, which is not in it: keep SLIPWAY_MASTER_KEY elsewhere.\n`
      : '',
  ].join('');
}
