import assert from 'node:assert/strict';
import { clockWentBack } from '../../src/actions/clock-went-back.js';
import { createConnectTenants } from '../../src/doors/connect/tenants.js';
import { createHookKeys } from '../../src/doors/hooks/hook-keys.js';
import { createSessionTokens, sessionLifetimeSec } from '../../src/doors/panel/session.js';
import { currentSession, sessionIdleMs, sessionLifeMs } from '../../src/doors/web/sessions.js';
import { cachedFor } from '../../src/lib/cached-for.js';
import { createEngine } from '../support/engine.js';
import { storeHook } from '../support/hooks.js';
import { ada } from '../support/oauth-peer.js';
import { createPeopleStage } from '../support/people.js';
import { testClock } from '../support/test-clock.js';
import { clientKey, fakeVault, MemoryStorage } from './connect/fakes.js';
import { Browser } from './oauth/browser.js';
import { sessionKey } from './panel/support/serve-panel.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

describe('who is let in when the clock jumps', () => {
  describe('signing in', () => {
    let stage: Awaited<ReturnType<typeof createPeopleStage>>;
    let browser: Browser;

    beforeEach(async () => {
      stage = await createPeopleStage({
        routes(app, sessions) {
          app.use(sessions.load);
          app.get('/who', (request, response) => void response.json(currentSession(request)));
        },
      });
      browser = new Browser(stage.url);
    });
    afterEach(() => stage.stop());

    /** The way back from Bitbucket of a sign-in that was begun now. */
    async function allowed(by = browser): Promise<string> {
      const page = await by.get('/oauth/start?returnTo=/who');
      return stage.peer.allow(page.location ?? '');
    }

    async function signIn(): Promise<void> {
      assert.equal((await browser.get(await allowed())).location, '/who');
    }

    const isIn = async (by = browser): Promise<boolean> => (await by.get('/who')).text !== 'null';

    async function jumpBack(ms: number): Promise<void> {
      stage.clock.advance(-ms);
      await clockWentBack(stage.storage, stage.clock.now(), 15_000);
    }

    it('a sign-in that was begun before the clock went back hours is begun again', async () => {
      const callback = await allowed();
      stage.clock.advance(-5 * hourMs);
      const page = await browser.get(callback);
      assert.equal(page.status, 401);
      assert.match(page.text, /href="\/oauth\/start/);
      assert.equal(await isIn(), false);
      await signIn();
      assert.equal(await isIn(), true);
    });

    it('a correction by seconds disturbs no sign-in', async () => {
      const callback = await allowed();
      stage.clock.advance(-20_000);
      assert.equal((await browser.get(callback)).location, '/who');
    });

    it('a state that was used stays used, also forward a day and back', async () => {
      const callback = await allowed();
      const copy = new Browser(stage.url);
      for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
      await browser.get(callback);
      stage.clock.advance(dayMs);
      await new Browser(stage.url).get('/who');
      const other = new Browser(stage.url);
      assert.equal((await other.get(await allowed(other))).location, '/who');
      stage.clock.advance(-dayMs);
      const calls = stage.peer.calls.length;
      assert.match((await copy.get(callback)).text, /finished before/);
      assert.equal(stage.peer.calls.length, calls, 'Bitbucket is not asked');
    });

    it('a session goes on when the clock goes back, and lives no longer for it', async () => {
      await signIn();
      await jumpBack(100 * dayMs);
      assert.equal(await isIn(), true);
      const idle = new Browser(stage.url);
      for (const [name, value] of browser.cookies) idle.cookies.set(name, value);
      stage.clock.advance(sessionIdleMs + 1);
      assert.equal(await isIn(idle), false, 'not used for two days');
    });

    it('a busy session of a clock that was ahead ends two weeks after it was set right', async () => {
      await signIn();
      await jumpBack(100 * dayMs);
      for (let spent = 0; spent < sessionLifeMs; spent += dayMs) {
        assert.equal(await isIn(), true, `day ${spent / dayMs}`);
        stage.clock.advance(dayMs);
      }
      assert.equal(await isIn(), false);
    });

    it('forward by days: who is not sure to be there still signs in again, and what was allowed stays', async () => {
      await signIn();
      stage.clock.advance(3 * dayMs);
      assert.equal(await isIn(), false);
      const grant = await stage.storage.read.grants.ofUser(ada.uuid, stage.peer.clientId);
      assert.equal(grant?.state, 'active');
      await signIn();
      assert.equal(await isIn(), true);
    });
  });

  it('a panel’s session is over when the clock is set back, instead of living for hours', () => {
    const clock = testClock();
    const tokens = createSessionTokens([sessionKey], clock.now);
    const session = {
      ...{ door: 'connect' as const, proof: 'admin_page' as const, rights: 'admin' as const },
      ...{ workspaceUuid: '{w}', repoUuid: '{r}', userUuid: '{u}', userName: 'Ada' },
    };
    const token = tokens.issue(session);
    clock.advance(-20_000);
    assert.deepEqual(tokens.read(token), session, 'a correction by seconds disturbs nobody');
    clock.advance(-5 * hourMs);
    assert.equal(tokens.read(token), null);
    assert.equal(tokens.used(token), 1);
    assert.deepEqual(tokens.read(tokens.issue(session)), session, 'the page is opened again');
    clock.advance(5 * hourMs + 20_000 + sessionLifetimeSec * 1000);
    assert.equal(tokens.read(token), null);
  });

  it('a permission that was asked for before the clock went back is asked for again', async () => {
    const clock = testClock();
    let permission = 'admin';
    const ask = cachedFor(minuteMs, clock.now, () => Promise.resolve(permission), { key: String });
    assert.equal(await ask(), 'admin');
    permission = 'none';
    assert.equal(await ask(), 'admin', 'it is remembered');
    clock.advance(-5 * hourMs);
    assert.equal(await ask(), 'none');
  });

  it('an uninstalled workspace is not known for longer, and a new secret is found at once', async () => {
    const clock = testClock();
    const memory = new MemoryStorage();
    memory.put();
    const { storage } = memory;
    const tenants = createConnectTenants({ storage, vault: fakeVault, clock: clock.now });
    await tenants.find(clientKey);
    clock.advance(-5 * hourMs);
    memory.put({ id: 'again', state: 'removed' }, 'another');
    assert.equal((await tenants.find(clientKey))?.installation.state, 'removed');
    clock.advance(-5 * hourMs);
    memory.put({ id: 'once more' }, 'a third');
    assert.equal((await tenants.findAgain(clientKey))?.installation.id, 'once more');
  });

  it('a hook’s secret that another process stored is found at once', async () => {
    const engine = await createEngine();
    try {
      const { storage, vault, clock } = engine;
      const keys = createHookKeys({ storage, vault, clock: clock.now });
      const hook = await storeHook(engine, 'old');
      await keys.find(hook.id);
      clock.advance(-5 * hourMs);
      await storeHook(engine, 'new', { id: hook.id, sourceId: hook.sourceId });
      const found = await keys.findAgain(hook.id);
      assert.equal(found?.keys[0]?.key.export().toString(), 'new');
    } finally {
      await engine.close();
    }
  });
});
