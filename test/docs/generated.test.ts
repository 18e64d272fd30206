import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { generatedPages } from './pages.js';

const root = resolve(import.meta.dirname, '../..');

describe('pages made of the code', () => {
  for (const [file, text] of Object.entries(generatedPages)) {
    it(`${file} is what the code says now; if not, run npm run docs`, async () => {
      const path = join(root, file);
      const due = await format(text(), { ...(await resolveConfig(path)), filepath: path });
      assert.equal(readFileSync(path, 'utf8'), due);
    });
  }
});
