import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { askServer } from '../../src/commands/control-client.js';
import { StateError } from '../../src/core/errors.js';
import {
  controlSocketName,
  openControlSocket,
  type ControlSocket,
} from '../../src/doors/control-socket.js';
import { silentLogger } from '../support/silent-logger.js';
import { tempFolder } from '../support/temp-folder.js';

describe('control socket', () => {
  const folder = tempFolder('control');
  const path = join(folder.path, controlSocketName);
  const logger = silentLogger();
  let socket: ControlSocket;

  before(async () => {
    // As a server that was killed leaves it.
    writeFileSync(path, '');
    socket = await openControlSocket({
      path,
      logger,
      commands: {
        echo: (input) => Promise.resolve(input['text']),
        refuse: () => Promise.reject(new StateError('target_changed', 'by Ada')),
        break: () => Promise.reject(new Error('password=hunter2')),
      },
    });
  });

  after(async () => {
    await socket.close();
    folder.remove();
  });

  it('takes the place of one that a killed server left, for its owner alone', () => {
    assert.ok(statSync(path).isSocket());
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('answers a command', async () => {
    const answer = await askServer(folder.path, { command: 'echo', text: 'a\nb ü' });
    assert.deepEqual(answer, { ok: true, result: 'a\nb ü' });
  });

  it('says what was refused in the words of the error, and nothing of what broke', async () => {
    assert.deepEqual(await askServer(folder.path, { command: 'refuse' }), {
      ok: false,
      code: 'target_changed',
      says: 'Somebody else saved this target while you were editing: by Ada',
      advice: 'Look at their version, then make your change again.',
    });
    const broken = await askServer(folder.path, { command: 'break' });
    assert.ok(broken && !broken.ok && broken.code === 'internal');
    assert.ok(!JSON.stringify(broken).includes('hunter2'));
  });

  it('knows only its commands', async () => {
    for (const command of ['nothing', 'toString', '__proto__', '']) {
      const answer = await askServer(folder.path, { command });
      assert.ok(answer && !answer.ok && answer.code === 'command_unknown', command);
    }
  });

  it('answers each line of a conversation, in order, whatever the pieces', async () => {
    const client = connect(path);
    client.setEncoding('utf8');
    let text = '';
    client.on('data', (chunk: string) => (text += chunk));
    client.write('{"command":"echo","text":1}\nno js');
    client.write('on\n{"command":"echo","te');
    client.write('xt":3}\n');
    while (text.split('\n').length < 4) await once(client, 'data');
    client.destroy();
    const answers = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { ok: boolean });
    assert.deepEqual(
      answers.map((answer) => ('result' in answer ? answer.result : answer.ok)),
      [1, false, 3],
    );
  });

  it('ends a conversation that sends no end of a line', async () => {
    const client = connect(path);
    client.on('error', () => undefined);
    client.write('x'.repeat(1024 * 1024 + 1));
    await once(client, 'close');
    assert.ok(await askServer(folder.path, { command: 'echo', text: '' }), 'it serves others');
  });

  it('works in a folder whose name is longer than an address of a socket may be', async () => {
    const deep = join(folder.path, 'd'.repeat(120));
    mkdirSync(deep);
    const from = process.cwd();
    process.chdir(deep);
    try {
      const commands = { hello: () => Promise.resolve('deep') };
      const other = await openControlSocket({
        path: join(deep, controlSocketName),
        commands,
        logger,
      });
      assert.deepEqual(await askServer(deep, { command: 'hello' }), { ok: true, result: 'deep' });
      await other.close();
    } finally {
      process.chdir(from);
    }
  });

  it('is no reason not to start when it cannot be opened', async () => {
    const nowhere = join(folder.path, 'no', 'such', 'folder', controlSocketName);
    const none = await openControlSocket({ path: nowhere, commands: {}, logger });
    assert.ok(logger.lines.some(({ message }) => message === 'control.unavailable'));
    await none.close();
  });

  it('leaves nothing behind, and then nobody answers', async () => {
    const place = tempFolder('control-end');
    const own = join(place.path, controlSocketName);
    const other = await openControlSocket({ path: own, commands: {}, logger });
    await other.close();
    assert.ok(!existsSync(own));
    assert.equal(await askServer(place.path, { command: 'echo' }), null);
    place.remove();
  });
});
