import assert from 'node:assert/strict';
import { createLogger } from '../../src/lib/logger.js';

describe('logger', () => {
  const logged = (fields: object): Record<string, unknown> => {
    let text = '';
    createLogger('info', { write: (line: string) => void (text += line) }).info(fields, 'test');
    return JSON.parse(text) as Record<string, unknown>;
  };

  it('writes one JSON line with time, level and message', () => {
    const line = logged({ deployment: 'd1' });
    assert.equal(line['msg'], 'test');
    assert.equal(line['level'], 'info');
    assert.equal(line['deployment'], 'd1');
    assert.ok(!Number.isNaN(Date.parse(String(line['time']))));
  });

  it('redacts secrets at every depth we log at', () => {
    const text = JSON.stringify(
      logged({
        sharedSecret: 'hush-1',
        installation: { secret: 'hush-2', inner: { access_token: 'hush-3' } },
        headers: { authorization: 'hush-4' },
      }),
    );
    assert.ok(!text.includes('hush'), text);
  });

  it('keeps of an error what explains it, and nothing it carries along', () => {
    const error = Object.assign(new Error('refused', { cause: new Error('deeper') }), {
      code: 'ECONNREFUSED',
      config: { headers: { Authorization: 'Bearer hush' } },
    });
    const line = logged({ err: error });
    assert.ok(!JSON.stringify(line).includes('hush'));
    const err = line['err'] as { message: string; code: string; cause: { message: string } };
    assert.deepEqual(
      [err.message, err.code, err.cause.message],
      ['refused', 'ECONNREFUSED', 'deeper'],
    );
  });
});
