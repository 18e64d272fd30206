import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { everyBackend, madePage } from './backend-tables.js';
import { generatedPages } from './pages.js';

/** `npm run docs`: writes the pages, and the tables in pages, that are made of the code. */
const root = resolve(import.meta.dirname, '../..');
for (const [file, text] of Object.entries(generatedPages)) writeFileSync(join(root, file), text());
for (const backend of everyBackend()) {
  const file = join(root, 'docs/backends', `${backend.id}.md`);
  writeFileSync(file, await madePage(file, readFileSync(file, 'utf8'), backend));
}
