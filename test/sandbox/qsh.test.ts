import assert from 'node:assert/strict';

import {
  decodeJwt,
  signatureMatches,
  signJwt,
  timeProblem,
} from '../../src/sandbox/connect/jwt.js';
import { canonicalRequest, queryStringHash } from '../../src/sandbox/connect/qsh.js';
import { signerVectors } from './qsh-vectors.js';

describe('sandbox: qsh and HS256', () => {
  for (const [request, canonical, hash] of signerVectors) {
    it(`hashes ${request}`, () => {
      assert.equal(canonicalRequest('get', request), canonical);
      assert.equal(queryStringHash('GET', request), hash);
    });
  }

  const more: [string, string, string, string, string][] = [
    [
      'an empty path',
      'GET',
      '',
      '',
      'c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239',
    ],
    [
      'the root',
      'GET',
      '/',
      '',
      'c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239',
    ],
    [
      'no query',
      'GET',
      '/path',
      '',
      '799be84a7fa35570087163c0cd9af3abff7ac05c2c12ba0bb1d7eebc984b3ac2',
    ],
    [
      'valueless names',
      'GET',
      '/p?a&b=foo&c',
      '',
      'b133979d103ae52a8c19793113eb9ceeaea9695f0f09976b468d96fbf5580885',
    ],
    [
      'the context path',
      'POST',
      '/connect/installed',
      '/connect',
      '4a2e1de8ca74e6cafe8862d332fa3ac7a8e51e692bc6d798ea4dfedc14948bf4',
    ],
    [
      'double slashes',
      'GET',
      '/a//b/',
      '',
      'e267d56945df1bbcf17dd2ed003112cedff579cada6cf23e27113a6226fe076f',
    ],
    [
      'square brackets',
      'GET',
      '/p?a[]=1&a[]=2',
      '',
      '52b747f276a1aa7192d6d189b4074aac91679193914dbce0a9d8bc5d521aa3b6',
    ],
    [
      'a jwt parameter',
      'GET',
      '/p?b=2&a=1&a=0&jwt=zzz',
      '',
      '27c2126340e47892ddadfe46cc70f1639dab27bf8b679609f5259ee9a5aff08a',
    ],
    [
      'the add-on call',
      'PUT',
      '/2.0/addon',
      '',
      '94279c4a9eace45af8d8487977c2699099dd85f45e287eea42f8e7c39ced5f3e',
    ],
    [
      'the token endpoint',
      'POST',
      '/site/oauth2/access_token',
      '',
      'f045c19462bc33df6431a1f69800ff8fc9e839dfea9d080be9f2bcd59360c73b',
    ],
    [
      'braces in values',
      'GET',
      '/settings?repoUuid=%7B0a1b2c3d-0000-4000-8000-000000000001%7D',
      '',
      '3e99c40ab4a6648185244ad798f3096f097e21d05021802d51d0fdaf3973e2e1',
    ],
    [
      'a REST call',
      'GET',
      '/2.0/repositories/acme/site?pagelen=10',
      '',
      '03135a10ab13a6c8368f3e5c51fd27ff4306dff114a26c512f5ea8116628fd6b',
    ],
  ];
  for (const [name, method, url, base, hash] of more) {
    it(`hashes ${name}`, () => assert.equal(queryStringHash(method, url, base), hash));
  }

  it('strips the context path on a segment boundary only', () => {
    assert.equal(canonicalRequest('GET', '/basement/x', '/base'), 'GET&/basement/x&');
    assert.equal(canonicalRequest('GET', '/base/x', '/base'), 'GET&/x&');
  });

  it('signs like the reference', () => {
    assert.equal(
      signJwt({ iss: 'a' }, 'k'),
      'eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0.mGxzD322_GjjS1DGYQbe9EnhjxfP-42Og9I_v6EgvUI',
    );
  });

  it('tells a good signature from a bad one', () => {
    const token = signJwt({ iss: 'a', exp: 1000 }, 'k');
    assert.ok(signatureMatches(token, 'k'));
    assert.ok(!signatureMatches(token, 'other'));
    assert.ok(!signatureMatches(token.slice(0, -1), 'k'));
    assert.deepEqual(decodeJwt(token)?.claims, { iss: 'a', exp: 1000 });
    assert.equal(decodeJwt('no.token'), null);
    assert.equal(decodeJwt('a.b.c'), null);
  });

  it('wants exp, and allows a minute of skew', () => {
    assert.match(timeProblem({}, 1000) ?? '', /exp is missing/);
    assert.equal(timeProblem({ exp: 950 }, 1000), undefined);
    assert.match(timeProblem({ exp: 940 }, 1000) ?? '', /expired/);
    assert.equal(timeProblem({ exp: 2000, iat: 1060 }, 1000), undefined);
    assert.match(timeProblem({ exp: 2000, iat: 1061 }, 1000) ?? '', /future/);
  });
});
