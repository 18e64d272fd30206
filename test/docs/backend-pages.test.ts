import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { everyBackend, madePage } from './backend-tables.js';

const folder = resolve(import.meta.dirname, '../../docs/backends');

describe('the page of a backend', () => {
  for (const backend of everyBackend()) {
    it(`says of ${backend.id} what its form asks for (npm run docs writes it)`, async () => {
      const file = join(folder, `${backend.id}.md`);
      const page = readFileSync(file, 'utf8');
      assert.equal(page, await madePage(file, page, backend));
    });
  }
});
