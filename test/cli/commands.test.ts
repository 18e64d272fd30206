import assert from 'node:assert/strict';
import { runCli } from '../support/e2e/cli.js';

describe('slipway', () => {
  it('explains itself on stdout when asked, with the same text', async () => {
    const asked = await Promise.all([[], ['help'], ['--help'], ['-h']].map((args) => runCli(args)));
    for (const { code, stdout, stderr } of asked) {
      assert.equal(code, 0);
      assert.equal(stderr, '');
      assert.equal(stdout, asked[0]?.stdout);
    }
    for (const command of ['start', 'demo', 'sandbox', 'receive FILE|-', 'keys new', 'help']) {
      assert.ok(asked[0]?.stdout.includes(`\n  ${command}`), `${command} is not in the help`);
    }
  });

  for (const word of ['deploy', 'Start', '--version-please', '']) {
    it(`does not know "${word}", says so on stderr and ends with 2`, async () => {
      const { code, stdout, stderr } = await runCli([word]);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.ok(stderr.startsWith(`slipway: there is no command "${word}".\n`), stderr);
      assert.match(stderr, /receive FILE/);
    });
  }

  describe('keys', () => {
    it('new: the key alone on stdout, what to know about it on stderr', async () => {
      const [one, two] = await Promise.all([runCli(['keys', 'new']), runCli(['keys', 'new'])]);
      for (const { code, stdout, stderr } of [one, two]) {
        assert.equal(code, 0);
        assert.match(stdout, /^[A-Za-z0-9+/]{43}=\n$/);
        assert.equal(Buffer.from(stdout, 'base64').length, 32);
        assert.ok(!stderr.includes(stdout.trim()), 'the key must not be on stderr, where logs go');
        assert.match(stderr, /^Key [0-9a-f]{12}\. /);
      }
      assert.notEqual(one.stdout, two.stdout);
    });

    for (const args of [[], ['old'], ['new', 'new']]) {
      it(`${args.join(' ') || 'nothing'}: ends with 2 and makes no key`, async () => {
        const { code, stdout, stderr } = await runCli(['keys', ...args]);
        assert.equal(code, 2);
        assert.equal(stdout, '');
        assert.match(stderr, /^slipway: keys .+\n$/);
      });
    }
  });
});
