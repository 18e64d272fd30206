import assert from 'node:assert/strict';
import { Webhook } from 'standardwebhooks';
import {
  newSecret,
  signingKey,
  signMessage,
  toleranceMs,
  verifyMessage,
} from '../../src/lib/standard-webhooks.js';

const secret = 'whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=';
const id = 'msg_slipway0000000000000001';
const at = 1_795_392_000_000;
const body =
  '{"type":"deployment.requested","timestamp":"2026-11-23T00:00:00Z","data":{"deployment_id":"d_1"}}';

function keyOf(text: string) {
  return signingKey(text) ?? assert.fail('no signing secret');
}

describe('Standard Webhooks', () => {
  it('signs the known message as known (reference/deploy-backends.md §3.1)', () => {
    assert.deepEqual(signMessage({ id, at, body }, [keyOf(secret)]), {
      'webhook-id': id,
      'webhook-timestamp': '1795392000',
      'webhook-signature': 'v1,SpRBWF2a/rAV03qD2R9H5JO2iSVPy0pFk1ra830Opok=',
    });
  });

  it('is understood by the reference library, and understands it', () => {
    const [one, two] = [newSecret(), newSecret()];
    const now = Date.now();
    const headers = signMessage({ id, at: now, body }, [keyOf(one), keyOf(two)]);
    for (const known of [one, two]) {
      assert.deepEqual(new Webhook(known).verify(body, { ...headers }), JSON.parse(body));
    }
    assert.throws(() => new Webhook(newSecret()).verify(body, { ...headers }), /signature/);
    const theirs = {
      ...headers,
      'webhook-signature': new Webhook(two).sign(id, new Date(now), body),
    };
    const keys = [keyOf(one), keyOf(two)];
    assert.deepEqual(verifyMessage(theirs, Buffer.from(body), keys, now), { ok: true, id });
  });

  describe('verifying', () => {
    const key = keyOf(secret);
    const headers = signMessage({ id, at, body }, [key]);
    const verify = (more: object, text = body, now = at) =>
      verifyMessage({ ...headers, ...more }, Buffer.from(text), [key], now);
    const right = headers['webhook-signature'];

    it('takes any signature of the list that fits', () => {
      const list = `v1a,${right.slice(3)} v1,AAAA v1,${'A'.repeat(43)}= ${right}`;
      assert.deepEqual(verify({ 'webhook-signature': list }), { ok: true, id });
    });

    const wrong: Record<string, object> = {
      'another version': { 'webhook-signature': right.replace('v1,', 'v2,') },
      'no version': { 'webhook-signature': right.replace('v1,', '') },
      'an empty list': { 'webhook-signature': '' },
      'a part of it': { 'webhook-signature': right.slice(0, 20) },
      'another id': { 'webhook-id': 'msg_other' },
      'another time': { 'webhook-timestamp': '1795392001' },
    };
    for (const [what, more] of Object.entries(wrong)) {
      it(`refuses ${what}`, () => {
        assert.deepEqual(verify(more), { ok: false, why: 'signature_wrong' });
      });
    }

    it('refuses another body, another secret, and no secret at all', () => {
      const why = { ok: false, why: 'signature_wrong' };
      assert.deepEqual(verify({}, `${body} `), why);
      const bytes = Buffer.from(body);
      assert.deepEqual(verifyMessage({ ...headers }, bytes, [keyOf(newSecret())], at), why);
      assert.deepEqual(verifyMessage({ ...headers }, bytes, [], at), why);
    });

    it('refuses what is older or newer than five minutes', () => {
      assert.equal(verify({}, body, at + toleranceMs).ok, true);
      assert.equal(verify({}, body, at - toleranceMs).ok, true);
      for (const now of [at + toleranceMs + 1, at - toleranceMs - 1]) {
        assert.deepEqual(verify({}, body, now), { ok: false, why: 'timestamp_off' });
      }
    });

    it('refuses missing, doubled and unreadable headers', () => {
      for (const more of [
        { 'webhook-id': undefined },
        { 'webhook-id': '' },
        { 'webhook-timestamp': undefined },
        { 'webhook-timestamp': '1795392000.0' },
        { 'webhook-timestamp': '0x6b03' },
        { 'webhook-timestamp': '-1' },
        { 'webhook-signature': undefined },
        { 'webhook-signature': [right] },
      ]) {
        assert.deepEqual(verify(more), { ok: false, why: 'headers_missing' });
      }
    });
  });

  it('knows a signing secret from something else', () => {
    const encoded = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;
    for (const good of [secret, newSecret(), encoded(24), encoded(64)]) {
      assert.notEqual(signingKey(good), null, good);
    }
    for (const bad of [
      '',
      'whsec_',
      'hunter2',
      secret.slice('whsec_'.length),
      encoded(23),
      encoded(65),
      secret.slice(0, -1),
      `${secret}\n`,
      secret.replace('A', '-'),
      secret.replace('whsec', 'whsk'),
    ]) {
      assert.equal(signingKey(bad), null, bad);
    }
  });

  it('makes a new secret every time', () => {
    assert.notEqual(newSecret(), newSecret());
  });

  it('signs no id with a dot or a space: the signed text would be ambiguous', () => {
    for (const bad of ['a.b', 'a b', '', 'a\n']) {
      assert.throws(() => signMessage({ id: bad, at, body }, [keyOf(secret)]));
    }
  });
});
