import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { generatedPages } from './pages.js';

/** `npm run docs`: writes the pages that are made of the code. */
const root = resolve(import.meta.dirname, '../..');
for (const [file, text] of Object.entries(generatedPages)) writeFileSync(join(root, file), text());
