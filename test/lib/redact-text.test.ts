import assert from 'node:assert/strict';
import { redactText } from '../../src/lib/redact-text.js';

describe('redactText', () => {
  it('hides secrets, the longer one first, and leaves words alone', () => {
    const secrets = ['hunter2!', 'hunter2!-and-more', 'a'];
    assert.equal(
      redactText('got hunter2!-and-more and hunter2!', secrets, 100),
      'got [hidden] and [hidden]',
    );
  });

  it('hides credentials in addresses, as git prints them', () => {
    assert.equal(
      redactText(
        "fatal: unable to access 'https://x-token-auth:tok3n@bitbucket.org/a.git/'",
        [],
        200,
      ),
      "fatal: unable to access 'https://[hidden]@bitbucket.org/a.git/'",
    );
    assert.equal(redactText('mail ada@example.com', [], 200), 'mail ada@example.com');
  });

  it('makes one plain line of it', () => {
    assert.equal(
      redactText('\u001b[31merror\u001b[0m:\r\n\tno\u0000thing \u202eevil\u2028end ', [], 100),
      'error: no thing evil end',
    );
  });

  it('hides a secret at the start of a line, and one that colours run through', () => {
    assert.equal(redactText('a\nhunter2!', ['hunter2!'], 100), 'a [hidden]');
    assert.equal(redactText('hun\u001b[1mter2!', ['hunter2!'], 100), '[hidden]');
  });

  it('takes no longer for a long word than for a short one', () => {
    const startedAt = performance.now();
    assert.equal(redactText('x'.repeat(1_000_000), [], 10), 'xxxxxxxxx…');
    assert.ok(performance.now() - startedAt < 2_000);
  });

  it('cuts by characters, not in the middle of one', () => {
    assert.equal(redactText('🙂🙂🙂🙂', [], 3), '🙂🙂…');
    assert.equal(redactText('🙂🙂🙂', [], 3), '🙂🙂🙂');
  });
});
