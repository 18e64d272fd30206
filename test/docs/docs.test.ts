import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { secretVariables, variables } from '../../src/config/env.js';

const root = resolve(import.meta.dirname, '../..');

/** README.md and every page below docs/, as [path from the root, text]. */
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
].map((file) => [file, readFileSync(join(root, file), 'utf8')] as const);

function textOf(file: string): string {
  return pages.find(([name]) => name === file)?.[1] ?? '';
}

function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}

/** As GitHub and Bitbucket make them of headings. */
function anchors(text: string): Set<string> {
  const headings = all(text.replace(/```.*?```/gs, ''), /^#{1,6} (.+)$/gm);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  );
}

describe('the documentation', () => {
  it('explains every variable that is read, and no other', () => {
    const rows = all(textOf('docs/configuration.md'), /^\| `([A-Z][A-Z_]+)` /gm);
    assert.deepEqual([...rows].sort(), [...variables].sort());
    const elsewhere = pages.flatMap(([, text]) => all(text, /\b(SLIPWAY_[A-Z_]*[A-Z])\b/g));
    const known = new Set<string>([
      ...variables,
      ...[...secretVariables].map((name) => `${name}_FILE`),
    ]);
    // What the local backend gives to builds, not what Slipway reads.
    for (const given of ['SLIPWAY_DEPLOYMENT', 'SLIPWAY_BRANCH', 'SLIPWAY_TAG']) known.add(given);
    assert.deepEqual([...new Set(elsewhere)].filter((name) => !known.has(name)).sort(), []);
    for (const name of secretVariables) {
      assert.ok(textOf('docs/configuration.md').includes(`${name}_FILE`), `${name}_FILE`);
    }
  });

  it('names only npm scripts that exist', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const [file, text] of pages) {
      for (const script of all(text, /npm run (?:-s |--silent )?([\w:-]+)/g)) {
        assert.ok(script in manifest.scripts, `${file}: npm run ${script}`);
      }
    }
  });

  it('links only to files and headings that exist', () => {
    for (const [file, text] of pages) {
      const prose = text.replace(/```.*?```/gs, '');
      const links = [
        ...all(prose, /\]\(([^)\s]+)\)/g),
        ...all(prose, /\s(?:src|srcset|href)="([^"]+)"/g),
      ].filter((link) => !/^[a-z]+:/.test(link));
      for (const link of links) {
        const [path = '', anchor] = link.split('#');
        const found = path === '' ? file : join(dirname(file), path);
        assert.ok(existsSync(join(root, found)), `${file}: ${link}`);
        if (anchor === undefined) continue;
        const target = readFileSync(join(root, found), 'utf8');
        assert.ok(anchors(target).has(anchor), `${file}: ${link} names no heading`);
      }
    }
  });

  it('names only files that exist', () => {
    for (const [file, text] of pages) {
      for (const path of all(text, /`((?:src|test|docs|views|public)\/[\w./-]*)`/g)) {
        assert.ok(existsSync(join(root, path)), `${file}: ${path}`);
      }
    }
  });

  it('quotes the tests of the ordering rule by their names', () => {
    const tests = readFileSync(join(root, 'test/actions/order.test.ts'), 'utf8');
    const cases = all(textOf('docs/ordering.md'), /^\|.*\| +([^|]+?) +\|$/gm).filter(
      (name) => name !== 'test' && !/^-+$/.test(name),
    );
    const names = all(tests, /\bit\('([^']+)'/g);
    assert.deepEqual([...cases].sort(), [...names].sort());
  });

  it('has for each thing that fails what happens, what is seen, what to do, and the tests that show it', () => {
    const page = 'docs/when-things-fail.md';
    const rows = textOf(page)
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
      .map((cells) => cells.map((cell) => cell.trim()));
    const failures = rows.filter(([first]) => first !== 'failure' && !/^-+$/.test(first ?? ''));
    assert.ok(failures.length > 40, `${failures.length} failures`);
    for (const [failure = '', ...cells] of failures) {
      assert.equal(cells.length, 4, failure);
      for (const cell of cells) assert.notEqual(cell, '', failure);
      const links = [...(cells[3] ?? '').matchAll(/\[`([^`]+)`\]\(\.\.\/(test\/[^)]+)\)/g)];
      assert.ok(links.length > 0, `${failure}: no test`);
      for (const [, label = '', path = ''] of links) {
        const text = readFileSync(join(root, path), 'utf8');
        // The runs for hours and for power cuts are programs of their own.
        assert.ok(/\bit\(/.test(text) || path.startsWith('test/chaos/'), `${failure}: ${path}`);
        assert.ok(path.endsWith(label) || path.includes(`/${label}/`), `${failure}: ${label}`);
      }
    }
  });

  it('has pictures that load quickly', () => {
    const images = join(root, 'docs/images');
    for (const file of readdirSync(images)) {
      // Not committed, and none of them is shown by a page.
      if (file === 'states') continue;
      const size = readFileSync(join(images, file)).length;
      assert.ok(size < 300_000, `${relative(root, join(images, file))}: ${size} bytes`);
    }
  });
});
