import assert from 'node:assert/strict';
import { describeSettings } from '../../../src/doors/panel/view/settings-fields.js';
import {
  signedWebhookSettings,
  signingSecrets,
} from '../../../src/backends/signed-webhook/settings.js';
import { newSecret } from '../../../src/lib/standard-webhooks.js';
import { openBench } from './support/bench.js';

describe('settings of a signed webhook', () => {
  const good = { url: 'https://deploy.example/hook', secret: newSecret() };

  function problems(more: object): Record<string, string> {
    const result = signedWebhookSettings.safeParse({ ...good, ...more });
    const found = result.success ? [] : result.error.issues;
    return Object.fromEntries(found.map(({ path, message }) => [path.join('.'), message]));
  }

  it('need an address and a secret; the rest has a default', () => {
    assert.deepEqual(problems({}), {});
    assert.deepEqual(signedWebhookSettings.parse(good), { ...good, silenceMinutes: 60 });
    assert.deepEqual(Object.keys(problems({ url: undefined, secret: undefined })), [
      'url',
      'secret',
    ]);
  });

  for (const url of [
    '',
    'deploy.example',
    'ftp://deploy.example/',
    'javascript:alert(1)',
    'https://user:pass@deploy.example/',
    'https://deploy.example/#part',
    `https://deploy.example/${'x'.repeat(2000)}`,
  ]) {
    it(`refuse ${url.slice(0, 40) || 'an empty address'}`, () => {
      assert.deepEqual(Object.keys(problems({ url })), ['url']);
    });
  }

  it('take an address with a port, a query and spaces around it', () => {
    assert.deepEqual(problems({ url: ' https://deploy.example:8443/hook?site=a ' }), {});
  });

  it('refuse what is no signing secret, and say how to make one', () => {
    for (const field of ['secret', 'previousSecret']) {
      for (const value of ['hunter2', 'whsec_c2hvcnQ=', '']) {
        assert.match(problems({ [field]: value })[field] ?? '', /openssl rand -base64 32/);
      }
    }
  });

  it('refuse a silence that is no whole number from a minute to a day', () => {
    for (const silenceMinutes of [0, -1, 1.5, 1441, Number.NaN]) {
      assert.deepEqual(Object.keys(problems({ silenceMinutes })), ['silenceMinutes']);
    }
  });

  it('are shown by the panel with the secrets masked', () => {
    const described = describeSettings(signedWebhookSettings);
    const facts = described.map(({ key, type, required, meta }) => {
      return [key, type, required, meta.secret === true];
    });
    assert.deepEqual(facts, [
      ['url', 'string', true, false],
      ['secret', 'string', true, true],
      ['previousSecret', 'string', false, true],
      ['silenceMinutes', 'number', false, false],
    ]);
    for (const { meta } of described) assert.match(meta.help ?? '', /\.$|\)"$/);
  });

  it('name the secrets that callbacks may be signed with', () => {
    assert.deepEqual(signingSecrets({ secret: 'a', previousSecret: 'b' }), ['a', 'b']);
    assert.deepEqual(signingSecrets({ secret: 'a', previousSecret: null }), ['a']);
    assert.deepEqual(signingSecrets({}), []);
  });

  it('share a breaker by host', async () => {
    const { backend, close } = await openBench();
    await close();
    const facts = (settings: object) => ({
      targetId: 't_1',
      settings: { ...settings },
      connection: null,
    });
    assert.equal(
      backend.host?.(facts({ url: 'https://deploy.example:8443/a' })),
      'deploy.example:8443',
    );
    assert.equal(backend.host?.(facts({})), '');
  });

  it('that no longer fit are a refusal, not a crash', async () => {
    const { backend, target, request, receiver, close } = await openBench();
    try {
      const stale = { ...target, secrets: {} };
      const signal = new AbortController().signal;
      const outcome = await backend.trigger(request({ target: stale }), signal);
      assert.equal(outcome.kind, 'rejected');
      assert.equal((await backend.check(stale, signal)).ok, false);
      const deployment = { deploymentId: 'd_1', target: stale, backendRef: null, commit: 'a' };
      assert.equal((await backend.lookup?.(deployment, signal))?.kind, 'undecided');
      assert.equal((await backend.cancel?.(deployment, signal))?.kind, 'failed');
      assert.deepEqual(receiver.calls, []);
    } finally {
      await close();
    }
  });
});
