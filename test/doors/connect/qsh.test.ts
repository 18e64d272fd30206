import assert from 'node:assert/strict';
import { createCanonicalRequest, fromMethodAndUrl } from 'atlassian-jwt';
import fc from 'fast-check';
import { canonicalRequest, queryStringHash } from '../../../src/doors/connect/qsh.js';
import { qshVectors } from './qsh-vectors.js';

describe('queryStringHash', () => {
  for (const [method, url, canonical, hash] of qshVectors) {
    it(`${method} ${url || '(empty)'}`, () => {
      assert.equal(canonicalRequest(method, url), canonical);
      assert.equal(queryStringHash(method, url), hash);
    });
  }

  it('drops exactly the parameter jwt', () => {
    assert.equal(canonicalRequest('GET', '/p?jwt=a&Jwt=b&jwtx=c&j%77t=d'), 'GET&/p&Jwt=b&jwtx=c');
  });

  it('sorts by code point also beyond the first plane', () => {
    assert.equal(
      canonicalRequest('GET', '/p?%F0%9F%9A%80=1&%EF%BF%BD=2'),
      'GET&/p&%EF%BF%BD=2&%F0%9F%9A%80=1',
    );
  });

  it('does not fall over broken percent signs', () => {
    assert.equal(canonicalRequest('GET', '/p?a=%zz&b=%E5'), 'GET&/p&a=%25zz&b=%25E5');
  });

  it('agrees with atlassian-jwt wherever that library is right', () => {
    // Wrong there: a quote or a raw bracket in the path or query, and `toString`-like names (plain objects).
    const text = fc.string({ unit: fc.constantFrom(...'abzAZ019-._~ +,;:@/?=%éß宮🚀$*()![]') });
    const parameters = fc.array(
      fc.tuple(
        text.map((t) => `k${t}`),
        text,
      ),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(parameters, (pairs) => {
        const query = pairs
          .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
          .join('&');
        const url = `/some/path?${query}`;
        const theirs = createCanonicalRequest(
          fromMethodAndUrl('GET', url),
          false,
          'https://slipway.example',
        );
        assert.equal(canonicalRequest('GET', url), theirs);
      }),
      { numRuns: 500 },
    );
  });
});
