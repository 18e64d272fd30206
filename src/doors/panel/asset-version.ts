import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * `panel.css` → a hash of the file, for `panel.css?v=…`: browsers keep these files for an hour, and a page of today must not run with
 * the script of yesterday. Everything in the folder is read once, here. Throws for a file that is not there.
 */
export function createAssetVersions(publicDir: string): (file: string) => string {
  const versions = new Map(
    readdirSync(publicDir, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => [name, hashOf(readFileSync(path.join(publicDir, name)))]),
  );
  return (file) => {
    const version = versions.get(file);
    if (version === undefined) throw new Error(`public/ has no ${file}`);
    return version;
  };
}

function hashOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 12);
}
