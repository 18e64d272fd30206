import assert from 'node:assert/strict';
import { createDeployHookBackend } from '../../../src/backends/deploy-hook/index.js';
import type { PresetId } from '../../../src/backends/deploy-hook/presets.js';
import type { Exchange, TriggerOutcome } from '../../../src/core/backend.js';
import { openService, type Clients } from '../support/service-bench.js';
import { elsewhere, loginPage } from '../support/fake-service.js';
import { FakeHooks } from './support/fake-hooks.js';

type Hook = Parameters<FakeHooks['url']>[0];

const hooks: Record<Hook, PresetId> = {
  render: 'render',
  vercel: 'vercel',
  netlify: 'netlify',
  pages: 'cloudflare',
  workers: 'cloudflare',
  amplify: 'amplify',
  caprover: 'caprover',
  jenkins: 'jenkins',
};
const signal = (): AbortSignal => AbortSignal.timeout(5_000);

describe('deploy hooks', () => {
  const opened: { close(): Promise<void> }[] = [];
  const open = async (hook: Hook, service = hooks[hook], more: Record<string, string> = {}) => {
    const fake = await new FakeHooks().listen();
    const bench = await openService((clients: Clients) =>
      Promise.resolve({
        backend: createDeployHookBackend(clients),
        fake,
        settings: { service, branch: 'main', ...more },
        secrets: { url: fake.url(hook) },
        isStart: () => true,
        no: (message: string) => ({ status: 400, body: message }),
        distrust: { status: 403 },
        headIs: () => undefined,
        started: () => [],
        finish: () => undefined,
      }),
    );
    opened.push(bench);
    const trigger = (): Promise<TriggerOutcome> => bench.backend.trigger(bench.request(), signal());
    return { ...bench, fake, trigger };
  };
  afterEach(() => Promise.all(opened.splice(0).map((bench) => bench.close())));

  for (const hook of Object.keys(hooks) as Hook[]) {
    it(`${hook}: starts a build, and never claims to know how it ends`, async () => {
      const { trigger, fake, backend, target, request } = await open(hook);
      const outcome = await trigger();
      assert.equal(outcome.kind, 'accepted', JSON.stringify(outcome));
      assert.equal(fake.started.length, 1);
      const backendRef = outcome.kind === 'accepted' ? outcome.backendRef : '';
      const at = { deploymentId: 'd_1', target, backendRef, commit: request().commit };
      const seen = await backend.observe?.(at, signal());
      assert.equal(seen?.state, 'handed_off');
      assert.match(seen?.reason ?? '', /does not report the result/);
    });

    it(`${hook}: recognises a refusal, whatever its status, and keeps the address to itself`, async () => {
      const { trigger, fake } = await open(hook);
      fake.isRefusing = true;
      const outcome = await trigger();
      assert.equal(outcome.kind, 'rejected', JSON.stringify(outcome));
      const secret = fake.secrets[hook];
      assert.ok(!JSON.stringify(outcome).includes(secret));
      assert.deepEqual(fake.started, []);
    });

    it(`${hook}: takes a login page for no answer, and a redirect for a no`, async () => {
      const { trigger, fake } = await open(hook);
      fake.fail({ fault: loginPage, times: 1 });
      assert.equal((await trigger()).kind, 'unknown');
      fake.fail({ fault: elsewhere, times: 1 });
      assert.equal((await trigger()).kind, 'rejected');
      fake.fail({ fault: { status: 500 }, times: 1 });
      assert.equal((await trigger()).kind, 'unknown', 'who knows how far it came');
    });
  }

  it('tells Render the commit, Netlify the branch, Jenkins both', async () => {
    const built = [];
    for (const hook of ['render', 'netlify', 'jenkins'] as const) {
      const { trigger, fake, request } = await open(hook);
      await trigger();
      const { branch, commit } = fake.started[0] ?? {};
      built.push([branch ?? null, commit === request().commit]);
    }
    assert.deepEqual(built, [
      [null, true],
      ['main', false],
      ['main', true],
    ]);
  });

  it('CapRover: a token that is not good any more is a matter of the credential', async () => {
    const { backend, fake, target, request } = await open('caprover');
    const url = `${fake.url('caprover')}-old`;
    const old = { ...target, secrets: { url } };
    const outcome = await backend.trigger(request({ target: old }), signal());
    assert.equal(outcome.kind === 'rejected' && outcome.needsReconnect, true);
  });

  it('Jenkins: no filter that matches is not a deployment', async () => {
    const { trigger, fake } = await open('jenkins');
    fake.filterMatches = false;
    const outcome = await trigger();
    assert.match(outcome.kind === 'rejected' ? outcome.reason : '', /filter/);
  });

  it('Jenkins: is rehearsed when it is saved, and starts nothing by that', async () => {
    const { backend, target, fake } = await open('jenkins');
    assert.deepEqual(await backend.check(target, signal()), { ok: true, branch: 'main' });
    assert.deepEqual(fake.started, []);
    const url = fake.url('jenkins').replace(/token=.*/, 'token=unknown-token');
    const wrong = await backend.check({ ...target, secrets: { url } }, signal());
    assert.deepEqual(wrong, {
      ok: false,
      problems: [{ field: 'url', message: 'Jenkins has no job with this token.' }],
    });
  });

  it('knows by the host that an address belongs to another service', async () => {
    const { backend, target } = await open('render');
    const url = 'https://api.netlify.com/build_hooks/5f0fakenetlifyhook000001';
    const checked = await backend.check({ ...target, secrets: { url } }, signal());
    const message = checked.ok ? '' : (checked.problems[0]?.message ?? '');
    assert.match(message, /not a hook of Render/);
    assert.ok(!message.includes('5f0fake'));
  });

  it('calls nothing for another branch than the one it was made for', async () => {
    const { backend, request, fake } = await open('vercel');
    const outcome = await backend.trigger(request({ refName: 'develop' }), signal());
    assert.equal(outcome.kind, 'rejected');
    assert.deepEqual(fake.calls, []);
  });

  it('any other hook: a success has spoken, and the body says what was pushed', async () => {
    const { trigger, fake, request } = await open('amplify', 'other');
    assert.equal((await trigger()).kind, 'accepted');
    assert.equal(fake.calls[0]?.json['commit'], request().commit);
  });

  it('records what was sent, for the one who looks for the fault', async () => {
    const { backend, request } = await open('vercel');
    const exchanges: Exchange[] = [];
    await backend.trigger(request({ record: (one) => void exchanges.push(one) }), signal());
    assert.deepEqual(
      exchanges.map(({ method, status }) => [method, status]),
      [['POST', 201]],
    );
  });
});
