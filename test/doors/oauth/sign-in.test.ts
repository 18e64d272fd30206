import assert from 'node:assert/strict';
import express from 'express';
import { currentSession, sessionIdleMs, sessionLifeMs } from '../../../src/doors/web/sessions.js';
import { ada, bob } from '../../support/oauth-peer.js';
import { createPeopleStage } from '../../support/people.js';
import { Browser } from './browser.js';

type Stage = Awaited<ReturnType<typeof createPeopleStage>>;

describe('signing in with Bitbucket', () => {
  let stage: Stage;
  let browser: Browser;

  beforeEach(async () => {
    stage = await createPeopleStage({
      routes(app, sessions) {
        app.use(sessions.load);
        app.get('/who', (request, response) => void response.json(currentSession(request)));
        app.get('/private', sessions.require, (_request, response) => void response.send('inside'));
        app.post(
          '/change',
          express.urlencoded({ extended: false }),
          sessions.checkCsrf,
          (_q, response) => {
            response.send('changed');
          },
        );
      },
    });
    browser = new Browser(stage.url);
  });
  afterEach(() => stage.stop());

  async function begin(returnTo = '/who', by = browser): Promise<string> {
    const page = await by.get(`/oauth/start?${new URLSearchParams({ returnTo }).toString()}`);
    assert.equal(page.status, 303, page.text);
    return page.location ?? '';
  }

  async function signedIn(returnTo?: string, by = browser): Promise<void> {
    const page = await by.get(stage.peer.allow(await begin(returnTo, by)));
    assert.equal(page.status, 303, page.text);
  }

  async function who(by = browser): Promise<{ userName: string; csrfToken: string } | null> {
    return JSON.parse((await by.get('/who')).text) as {
      userName: string;
      csrfToken: string;
    } | null;
  }

  const grantOf = (user = ada) => stage.storage.read.grants.ofUser(user.uuid, stage.peer.clientId);

  it('asks for three scopes and nothing more, with state, S256 and the exact callback', async () => {
    const asked = new URL(await begin());
    assert.equal(asked.origin + asked.pathname, `${stage.peer.url}/site/oauth2/authorize`);
    const { state, code_challenge: challenge, ...rest } = Object.fromEntries(asked.searchParams);
    assert.deepEqual(rest, {
      client_id: stage.peer.clientId,
      response_type: 'code',
      redirect_uri: `${stage.url}/oauth/callback`,
      scope: 'account repository webhook',
      code_challenge_method: 'S256',
    });
    assert.match(`${state} ${challenge}`, /^[\w-]{43} [\w-]{43}$/);
  });

  it('ends where it began, with a session, and what was allowed sealed in the database', async () => {
    await signedIn('/who?x=1');
    assert.equal((await who())?.userName, 'Ada Example');
    const grant = await grantOf();
    assert.equal(grant?.state, 'active');
    assert.equal(grant?.scopes, 'account repository webhook');
    assert.ok(grant.accessSealed.length > 3_000 && grant.refreshSealed !== null);
    const stored = JSON.stringify(grant);
    assert.equal(stage.peer.issued.length, 2);
    // By any stretch of them: a sealed text may hold every short run of letters by chance.
    for (const token of stage.peer.issued) assert.ok(!stored.includes(token.slice(0, 40)));
  });

  it('reads the old backend, too: `scopes`', async () => {
    stage.peer.scopeKey = 'scopes';
    await signedIn();
    assert.equal((await grantOf())?.scopes, 'account repository webhook');
  });

  it('keeps the cookies away from scripts and other sites', async () => {
    await signedIn();
    for (const text of browser.setCookies) {
      assert.match(
        text,
        /; Path=\/; HttpOnly; SameSite=Lax$|; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/,
      );
    }
    const secure = await createPeopleStage({ publicUrl: 'https://slipway.example.com' });
    try {
      const other = new Browser(secure.url);
      await other.get('/oauth/start');
      assert.match(
        other.setCookies[0] ?? '',
        /^__Host-slipway_signin=.*; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      );
    } finally {
      await secure.stop();
    }
  });

  it('never leads to another site', async () => {
    const page = await browser.get(stage.peer.allow(await begin('//evil.example/')));
    assert.equal(page.location, '/');
  });

  it('gives every sign-in a new session, and ends the one before', async () => {
    await signedIn();
    const [first] = await stage.storage.read.webSessions.ofUser(ada.uuid);
    const old = new Browser(stage.url);
    for (const [name, value] of browser.cookies) old.cookies.set(name, value);
    await signedIn();
    assert.equal(await who(old), null);
    const sessions = await stage.storage.read.webSessions.ofUser(ada.uuid);
    assert.equal(sessions.length, 1);
    assert.notEqual(sessions[0]?.id, first?.id);
  });

  it('does not take a session that somebody planted', async () => {
    browser.cookies.set('slipway_session', 'planted');
    await signedIn();
    assert.notEqual(browser.cookies.get('slipway_session'), 'planted');
    const stored = await stage.storage.read.webSessions.ofUser(ada.uuid);
    const cookie = browser.cookies.get('slipway_session') ?? '';
    assert.ok(!JSON.stringify(stored).includes(cookie), 'the cookie itself is not kept');
  });

  describe('what goes wrong', () => {
    async function refusedAt(
      callback: string,
      status: number,
      words: RegExp,
      by = browser,
    ): Promise<void> {
      const page = await by.get(callback);
      assert.equal(page.status, status, page.text);
      assert.match(page.text, words);
      assert.match(page.text, /href="\/oauth\/start/, 'a way on');
      assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
      assert.equal(await who(by), null);
    }

    it('the person says no', async () => {
      await refusedAt(stage.peer.deny(await begin()), 403, /did not allow Slipway/);
      assert.equal(await grantOf(), null);
    });

    it('a link of somebody else: nobody is signed in as another (login CSRF)', async () => {
      stage.peer.user = bob;
      const attacker = new Browser(stage.url);
      const callback = stage.peer.allow(await begin('/who', attacker));
      await refusedAt(callback, 401, /not started in this browser/);
      // Nor does it spoil a sign-in that is under way.
      stage.peer.user = ada;
      const own = stage.peer.allow(await begin());
      await refusedAt(callback, 401, /not started in this browser/);
      assert.equal((await browser.get(own)).status, 303);
      assert.equal((await who())?.userName, 'Ada Example');
    });

    it('a state that was made up, or none', async () => {
      await begin();
      await refusedAt('/oauth/callback?code=x&state=made-up', 401, /not started in this browser/);
      await refusedAt('/oauth/callback?code=x', 401, /not started in this browser/);
      await refusedAt('/oauth/callback', 401, /not started in this browser/);
      await refusedAt('/oauth/callback?code=x&state=a&state=b', 401, /not started in this browser/);
      assert.equal(stage.peer.calls.length, 0, 'Bitbucket is not even asked');
    });

    it('the same callback twice', async () => {
      const callback = stage.peer.allow(await begin());
      const copy = new Browser(stage.url);
      for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
      assert.equal((await browser.get(callback)).status, 303);
      await refusedAt(callback, 401, /finished before/, copy);
      assert.equal(stage.peer.calls.length, 1);
    });

    it('a stolen code with a sign-in of the thief: PKCE and state are of another sign-in', async () => {
      const code = new URL(stage.peer.allow(await begin())).searchParams.get('code') ?? '';
      const thief = new Browser(stage.url);
      const state = new URL(await begin('/who', thief)).searchParams.get('state') ?? '';
      const callback = `/oauth/callback?${new URLSearchParams({ code, state }).toString()}`;
      await refusedAt(callback, 502, /did not accept the sign-in/, thief);
    });

    it('a sign-in that took eleven minutes', async () => {
      const callback = stage.peer.allow(await begin());
      stage.clock.advance(11 * 60_000);
      await refusedAt(callback, 401, /took too long/);
    });

    it('a code that Bitbucket does not know any more', async () => {
      const state = new URL(await begin()).searchParams.get('state') ?? '';
      const callback = `/oauth/callback?${new URLSearchParams({ code: 'old', state }).toString()}`;
      await refusedAt(callback, 502, /used before or is too old/);
    });

    it("the consumer's secret was changed", async () => {
      stage.peer.clientSecret = 'another';
      await refusedAt(stage.peer.allow(await begin()), 502, /key and secret of the OAuth consumer/);
    });

    it('the consumer lacks the scope `account`', async () => {
      stage.peer.scopes = 'repository webhook';
      await refusedAt(stage.peer.allow(await begin()), 502, /OAuth consumers → Edit/);
      stage.peer.scopes = 'account';
      stage.peer.refusesUser = true;
      await refusedAt(stage.peer.allow(await begin()), 502, /OAuth consumers → Edit/);
    });

    it('Bitbucket is down, or answers a maintenance page', async () => {
      stage.peer.failNext.push({ status: 503, body: '<h1>Down</h1>', type: 'text/html' });
      await refusedAt(stage.peer.allow(await begin()), 502, /did not answer as it should/);
      stage.peer.failNext.push({ status: 200, body: '<h1>Maintenance</h1>', type: 'text/html' });
      await refusedAt(stage.peer.allow(await begin()), 502, /did not answer as it should/);
    });

    it('no consumer is configured', async () => {
      const off = await createPeopleStage({ off: true });
      try {
        const page = await new Browser(off.url).get('/oauth/start');
        assert.equal(page.status, 404);
        assert.match(page.text, /not set up here/);
      } finally {
        await off.stop();
      }
    });
  });

  describe('a session', () => {
    it('is asked for by private pages, which one comes back to', async () => {
      const page = await browser.get('/private?a=b');
      assert.equal(page.status, 303);
      const started = await browser.get(page.location ?? '');
      const back = await browser.get(stage.peer.allow(started.location ?? ''));
      assert.equal(back.location, '/private?a=b');
      assert.equal((await browser.get('/private?a=b')).text, 'inside');
      assert.equal((await browser.post('/change', {})).status, 403);
      assert.equal((await new Browser(stage.url).post('/change', {})).status, 401);
    });

    it('changes things only with the token of its own forms', async () => {
      await signedIn();
      const csrf = (await who())?.csrfToken ?? '';
      assert.equal((await browser.post('/change', { csrf })).text, 'changed');
      const other = new Browser(stage.url);
      stage.peer.user = bob;
      await signedIn('/who', other);
      assert.equal((await other.post('/change', { csrf })).status, 403);
      assert.equal((await browser.post('/change', { csrf: '' })).status, 403);
      await signedIn();
      assert.equal((await browser.post('/change', { csrf })).status, 403, 'of the session before');
    });

    it('ends by signing out, and only with its token', async () => {
      await signedIn();
      assert.equal((await browser.post('/oauth/sign-out', {})).status, 403);
      const csrf = (await who())?.csrfToken ?? '';
      const stolen = new Browser(stage.url);
      for (const [name, value] of browser.cookies) stolen.cookies.set(name, value);
      const page = await browser.post('/oauth/sign-out', { csrf });
      assert.equal(page.location, '/oauth/signed-out');
      assert.match((await browser.get('/oauth/signed-out')).text, /signed out/);
      assert.equal(browser.cookies.size, 0);
      assert.equal(await who(stolen), null, 'a copy of the cookie is worth nothing');
      assert.equal((await grantOf())?.state, 'active', 'deploys do not depend on it');
    });

    it('ends when it was not used for two days, or after two weeks however busy', async () => {
      await signedIn();
      stage.clock.advance(sessionIdleMs + 1);
      assert.equal(await who(), null);
      await signedIn();
      for (let spent = 0; spent < sessionLifeMs; spent += sessionIdleMs / 2) {
        assert.ok(await who());
        stage.clock.advance(sessionIdleMs / 2);
      }
      assert.equal(await who(), null);
    });

    it('ends when its row is deleted', async () => {
      await signedIn();
      await stage.storage.write((tx) => tx.webSessions.removeOfUser(ada.uuid));
      assert.equal(await who(), null);
    });
  });
});
