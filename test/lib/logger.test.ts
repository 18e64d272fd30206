import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
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

  it('does not hold up the end of a process whose reader is gone', async () => {
    const module = join(import.meta.dirname, '..', '..', 'src', 'lib', 'logger.ts');
    const script = `
      import { createLogger } from ${JSON.stringify(module)};
      const logger = createLogger('info');
      process.stdin.resume().once('end', () => {
        logger.info({}, 'being written');
        setImmediate(() => {
          logger.info({}, 'last words');
          process.exit(3);
        });
      });
      process.stdout.write('ready');
    `;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const child = spawn(process.execPath, args, { timeout: 10_000, killSignal: 'SIGKILL' });
    await once(child.stdout, 'data');
    child.stderr.destroy();
    await once(child.stderr, 'close');
    child.stdin.end();
    assert.deepEqual(await once(child, 'exit'), [3, null]);
  });
});
