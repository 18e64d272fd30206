import assert from 'node:assert/strict';
import fc from 'fast-check';
import { localPath } from '../../../src/doors/oauth/return-to.js';

describe('where a sign-in returns to', () => {
  for (const path of ['/', '/repositories/acme?page=2', '/panel/workspace?q=a%20b', '/d/%2F%2Fx']) {
    it(`keeps ${path}`, () => assert.equal(localPath(path), path));
  }

  const elsewhere = [
    undefined,
    '',
    'https://evil.example/',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/%0a//evil.example\n',
    '\\\\evil.example',
    'javascript:alert(1)',
    '/.//evil.example',
    '/x/..//evil.example',
    '/oauth/start?returnTo=/',
    '/OAuth/callback?code=1',
    '@evil.example',
    ['/a', '/b'],
    `/${'a'.repeat(5_000)}`,
  ];
  for (const path of elsewhere) {
    it(`refuses ${JSON.stringify(path)?.slice(0, 40)}`, () => assert.equal(localPath(path), '/'));
  }

  it('never leaves this host, whatever is asked for', () => {
    const part = fc.constantFrom(
      '/',
      '\\',
      '.',
      '..',
      '@',
      ':',
      '%2f',
      '%5c',
      '\t',
      '\n',
      'a',
      'evil.example',
      '?',
      '#',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const url = new URL(localPath(`/${parts.join('')}`), 'https://slipway.example');
        assert.equal(url.origin, 'https://slipway.example');
      }),
      { numRuns: 2_000 },
    );
  });
});
