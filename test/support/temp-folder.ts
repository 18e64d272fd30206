import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own for one suite or test; removed by the function it comes with. */
export function tempFolder(name: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `slipway-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
