import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { backendIds } from '../../src/backends/registry.js';

const root = resolve(import.meta.dirname, '../..');

describe('the list of backends', () => {
  it('has an entry, a folder and a page of documentation for each', () => {
    const folders = readdirSync(join(root, 'src/backends'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    const pages = readdirSync(join(root, 'docs/backends')).map((file) => file.replace(/\.md$/, ''));
    assert.deepEqual([...folders].sort(), [...backendIds].sort(), 'folders in src/backends');
    assert.deepEqual([...pages].sort(), [...backendIds].sort(), 'pages in docs/backends');
  });

  for (const id of backendIds) {
    it(`${id} is in both suites that every backend has to pass`, () => {
      const file = join(root, 'test/backends', id, 'conformance.test.ts');
      const text = readFileSync(file, 'utf8');
      for (const suite of ['backendConformance', 'laneConformance']) {
        assert.match(text, new RegExp(`^${suite}\\('${id}', `, 'm'));
      }
    });
  }
});
