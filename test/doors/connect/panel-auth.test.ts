import assert from 'node:assert/strict';
import { clientKey, secret, workspaceUuid } from './fakes.js';
import { Harness, tokenFor } from './harness.js';

const repoUuid = '{0a1b2c3d-0000-4000-8000-000000000001}';
const userUuid = '{2f1e9a10-2222-4bbb-8ccc-abcdefabcdef}';

function pagePath(changed: Record<string, string> = {}): string {
  const query = { workspaceUuid, repoUuid, userUuid, xdm_e: 'https://bitbucket.org', cp: '' };
  return `/panel/repository?${new URLSearchParams({ ...query, ...changed }).toString()}`;
}

describe('connectPanelAuth', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = new Harness();
    await harness.start();
    harness.memory.put({ id: 'i1' });
  });
  afterEach(() => {
    harness.stop();
    delete process.env['AC_OPTS'];
    assert.doesNotMatch(harness.logger.text, /the-shared-secret|eyJ/);
  });

  const open = (path: string, options?: Parameters<typeof tokenFor>[2]) =>
    harness.call('GET', `${path}&jwt=${tokenFor('GET', path, options)}`);

  it('leaves who looks at what, from the signed address', async () => {
    const page = await open(pagePath());
    assert.equal(page.status, 200, page.text);
    assert.deepEqual(JSON.parse(page.text), {
      door: 'connect',
      workspaceUuid,
      repoUuid,
      userUuid,
      userName: null,
      proof: 'admin_page',
    });
    // ACE's session token is signed with the installation's secret; nobody needs it.
    assert.equal(page.headers.get('x-acpt'), null);
  });

  it('asks a workspace page for no repository, and names none', async () => {
    const query = new URLSearchParams({ workspaceUuid, userUuid }).toString();
    const page = await open(`/panel/workspace?${query}`);
    assert.equal(page.status, 200, page.text);
    const who = { workspaceUuid, userUuid, userName: null };
    assert.deepEqual(JSON.parse(page.text), { door: 'connect', ...who, proof: 'admin_page' });
    assert.equal((await open(`/panel/repository?${query}`)).status, 422);
  });

  it('asks the page for all readers for nobody, and proves no admin by it', async () => {
    const query = new URLSearchParams({ workspaceUuid, repoUuid }).toString();
    const path = `/panel/overview?${query}`;
    const page = await open(path);
    assert.equal(page.status, 200, page.text);
    const { proof, userUuid: who } = JSON.parse(page.text) as Record<string, string>;
    assert.equal(proof, 'reader_page');
    assert.equal(who, 'reader', 'whoever it says it is');
    // Its signature is of this page: it opens no other.
    const token = tokenFor('GET', path);
    const other = await harness.call('GET', `${pagePath()}&jwt=${token}`);
    assert.equal(other.status, 401);
  });

  it('takes the workspace as the installation has it', async () => {
    const page = await open(pagePath({ workspaceUuid: workspaceUuid.toUpperCase() }));
    assert.match(page.text, new RegExp(`"workspaceUuid":"${workspaceUuid}"`));
  });

  const iat = () => Math.floor(Date.now() / 1000);
  for (const [what, changed] of [
    ['aud as a list', () => ({ aud: [clientKey] })],
    ['aud as a list with others first', () => ({ aud: ['x', clientKey] })],
    ['no aud', () => ({ aud: undefined })],
    ['iat a little ahead', () => ({ iat: iat() + 30 })],
    ['exp a little behind', () => ({ exp: iat() - 30 })],
    ['no sub', () => ({ sub: undefined })],
  ] as const) {
    it(`opens with ${what}`, async () => {
      assert.equal((await open(pagePath(), { changed: changed() })).status, 200);
    });
  }

  it('opens with a query that Express would read otherwise', async () => {
    assert.equal((await open(`${pagePath()}&a[]=1&a[]=2&b[c]=3&q=it's`)).status, 200);
  });

  for (const [what, options] of [
    ['a wrong secret', { sharedSecret: 'x' }],
    ['an unknown installation', { key: 'nobody' }],
    ['an expired token', { changed: { exp: 1000 } }],
    ['a token without exp', { changed: { exp: undefined } }],
    ['a token from the future', { changed: { iat: 4_000_000_000 } }],
    ['context-qsh', { changed: { qsh: 'context-qsh' } }],
    ['another audience', { changed: { aud: 'nobody' } }],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const page = await open(pagePath(), options);
      assert.equal(page.status, 401);
      assert.equal(page.text, 'refused');
    });
  }

  it('refuses no token, a tampered address, and a token in two places', async () => {
    assert.equal((await harness.call('GET', pagePath())).status, 401);
    const token = tokenFor('GET', pagePath());
    const other = pagePath({ userUuid: '{2f1e9a10-2222-4bbb-8ccc-000000000000}' });
    assert.equal((await harness.call('GET', `${other}&jwt=${token}`)).status, 401);
    assert.equal((await harness.call('GET', `${pagePath()}&jwt=${token}`, { token })).status, 401);
  });

  it('refuses a token that was made for an event or a lifecycle call', async () => {
    const token = tokenFor('POST', '/connect/events');
    assert.equal((await harness.call('GET', `${pagePath()}&jwt=${token}`)).status, 401);
  });

  it('refuses a page of another workspace than the signer', async () => {
    const path = pagePath({ workspaceUuid: '{ffffffff-1111-4a2b-9c3d-0123456789ab}' });
    assert.equal((await open(path)).status, 401);
  });

  for (const state of ['unconfirmed', 'removed'] as const) {
    it(`refuses an ${state} installation`, async () => {
      harness.memory.put({ id: 'i1', state });
      assert.equal((await open(pagePath())).status, 401);
    });
  }

  it('says so when Bitbucket left a variable unfilled', async () => {
    const page = await open(pagePath({ userUuid: '{user.uuid}' }));
    assert.equal(page.status, 422);
    assert.match(page.text, /userUuid/);
    assert.match(page.text, /scopes/);
    assert.equal((await open(pagePath({ repoUuid: '' }))).status, 422);
    assert.equal(
      (await open(`${pagePath()}&repoUuid=${encodeURIComponent(repoUuid)}`)).status,
      422,
    );
  });

  it('is not weakened by AC_OPTS=no-auth set while running', async () => {
    process.env['AC_OPTS'] = 'no-auth';
    assert.equal((await open(pagePath(), { sharedSecret: 'x' })).status, 401);
    assert.equal((await harness.call('GET', pagePath())).status, 401);
    // ACE then checks nothing and agrees with nobody: even a good token does not open the page.
    assert.equal((await open(pagePath())).status, 401);
  });

  it('knows what it refuses by itself: the fakes sign as the door checks', () => {
    assert.equal(harness.memory.secretOf(clientKey), secret);
  });
});
