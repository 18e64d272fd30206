import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { addChannel } from '../../src/actions/notice-channels.js';
import { createTeller } from '../../src/actions/tell-channels.js';
import { InputError } from '../../src/core/errors.js';
import { createGuardedHttp } from '../../src/lib/guarded-http.js';
import { createMailer, type Mailer } from '../../src/lib/mail.js';
import type { OutboundHttp } from '../../src/lib/outbound-http.js';
import { createNoticeSender } from '../../src/wiring/notice-sender.js';
import { change, commit, createEngine, workspaceUuid, type Engine } from '../support/engine.js';

/** A chat that keeps what it is told. */
class Chat {
  readonly texts: string[] = [];
  status = 200;
  readonly #server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (this.status === 200) {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as { text: string };
        this.texts.push(body.text);
      }
      response.writeHead(this.status).end();
    });
  });

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    // Cast: listening on TCP.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/services/T0/very-secret`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

describe('telling people about deploys', () => {
  let engine: Engine;
  let chat: Chat;
  let http: OutboundHttp;
  let mailer: Mailer | null;
  let address: string;

  beforeEach(async () => {
    engine = await createEngine();
    chat = new Chat();
    address = await chat.start();
    http = createGuardedHttp({ allowPrivate: false, allowPlainHttp: true, userAgent: 'test' });
    mailer = null;
  });

  afterEach(async () => {
    http.close();
    mailer?.close();
    await chat.stop();
    await engine.close();
  });

  const deps = () => ({
    storage: engine.storage,
    sender: createNoticeSender({ http, mailer }),
    vault: engine.vault,
    baseUrl: 'https://slipway.example.com',
    clock: () => engine.clock.now(),
    ids: engine.ids,
    random: () => 0,
    logger: engine.logger,
  });
  const add = (kind: 'chat' | 'email', to: string) =>
    addChannel({ workspaceUuid, kind, name: 'Deploys', address: to, by: { name: 'Ada' } }, deps());
  /** As the worker does it, on its own schedule. */
  async function tell(teller = createTeller(deps())): Promise<void> {
    engine.clock.advance(10_000);
    await teller.run();
  }
  async function deploy(digit: string, ends: 'live' | 'failed'): Promise<void> {
    const reason = ends === 'failed' ? { reason: 'It broke.' } : {};
    engine.backend.onObserve = [() => ({ state: ends, ...reason })];
    await engine.push([change({ to: commit(digit) })]);
    await engine.settle(20_000);
  }

  it('says once that deploys fail, once that they work again, and nothing in between', async () => {
    await engine.target();
    await add('chat', address);
    chat.texts.length = 0;
    await deploy('a', 'live');
    await tell();
    assert.deepEqual(chat.texts, []);
    await deploy('b', 'failed');
    await deploy('c', 'failed');
    await tell();
    assert.equal(chat.texts.length, 1);
    assert.match(
      chat.texts[0] ?? '',
      /bbbbbbbb did not go live at .*\*\nIt broke\.\n<https:\/\/slipway\.example\.com\/d\/[\w-]+\|What happened>$/,
    );
    await tell();
    await deploy('d', 'live');
    await tell();
    assert.equal(chat.texts.length, 2);
    assert.match(chat.texts[1] ?? '', /^:white_check_mark: \*Solved: .*bbbbbbbb did not go live/);
    await deploy('e', 'failed');
    await tell();
    assert.equal(chat.texts.length, 3, 'failing anew is news');
  });

  it('says nothing of what was over before anybody could be told', async () => {
    await engine.target();
    await add('chat', address);
    chat.texts.length = 0;
    await deploy('b', 'failed');
    await deploy('c', 'live');
    await tell();
    await tell();
    assert.deepEqual(chat.texts, []);
  });

  it('tries again when the chat is away, and gives up when it says no for good', async () => {
    await engine.target();
    const channel = await add('chat', address);
    chat.texts.length = 0;
    await deploy('b', 'failed');
    chat.status = 503;
    const teller = createTeller(deps());
    await tell(teller);
    const after = await engine.storage.read.noticeChannels.byId(channel.id);
    assert.equal(after?.lastError, 'The chat answered 503.');
    chat.status = 200;
    await tell(teller);
    assert.equal(chat.texts.length, 1);
    assert.equal((await engine.storage.read.noticeChannels.byId(channel.id))?.lastError, null);
    await deploy('c', 'live');
    chat.status = 404;
    await tell(teller);
    chat.status = 200;
    engine.clock.advance(60 * 60_000);
    await tell(teller);
    assert.equal(chat.texts.length, 1, 'a webhook that is gone is not asked again');
  });

  it('sends mail through the operator’s server, to one address, in one line of subject', async () => {
    const received: { to: string; text: string }[] = [];
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData(stream, session, done) {
        let text = '';
        stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
        stream.on('end', () => {
          received.push({ to: session.envelope.rcptTo[0]?.address ?? '', text });
          done();
        });
      },
    });
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    // Cast: listening on TCP.
    const { port } = server.server.address() as AddressInfo;
    mailer = createMailer({
      url: `smtp://127.0.0.1:${port}`,
      from: 'Slipway <slipway@example.com>',
    });
    await engine.target();
    await add('email', 'team@example.com');
    await deploy('b', 'failed');
    await tell();
    await new Promise<void>((resolve) => server.close(resolve));
    assert.deepEqual(
      received.map(({ to }) => to),
      ['team@example.com', 'team@example.com'],
    );
    const { text } = received[1] ?? { text: '' };
    assert.match(text, /^From: Slipway <slipway@example\.com>/m);
    assert.match(text, /^Subject: .*bbbbbbbb did not go live/m);
    assert.match(text, /What happened: https:\/\/slipway\.example\.com\/d\//);
  });

  it('takes no place where a message did not arrive, and says why', async () => {
    const problem = async (work: Promise<unknown>): Promise<Record<string, string>> => {
      const error: unknown = await work.then(
        () => assert.fail('it was taken'),
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof InputError);
      return { ...error.fields };
    };
    chat.status = 410;
    assert.deepEqual(await problem(add('chat', address)), { address: 'The chat answered 410.' });
    assert.deepEqual(await problem(add('chat', 'http://10.0.0.1/hook')), {
      address: 'This address is not allowed.',
    });
    assert.match((await problem(add('chat', 'nonsense')))['address'] ?? '', /Paste the address/);
    assert.match((await problem(add('email', 'a@b.c')))['kind'] ?? '', /cannot send that/);
    assert.deepEqual(await engine.storage.read.noticeChannels.ofWorkspace(workspaceUuid), []);
  });

  it('forgets a notice long after it was over, and keeps what is open', async () => {
    await engine.target();
    await deploy('b', 'failed');
    await deploy('c', 'live');
    await deploy('d', 'failed');
    const count = async (): Promise<number> =>
      engine.storage.write(async (tx) => {
        const rows = await tx.noticeDeliveries.untold(10);
        return rows.length;
      });
    assert.equal(await count(), 2);
    engine.clock.advance(91 * 24 * 60 * 60_000);
    await tell();
    assert.equal((await engine.storage.read.notices.open({ workspaceUuid })).length, 1);
    assert.equal(await count(), 0, 'one told, one gone');
  });

  it('keeps the address sealed, and out of what is logged', async () => {
    await add('chat', address);
    const [channel] = await engine.storage.read.noticeChannels.ofWorkspace(workspaceUuid);
    assert.doesNotMatch(JSON.stringify(channel), /very-secret/);
  });

  it('makes no link and calls nobody, whatever a branch or a repository is called', async () => {
    const { chatText } = await import('../../src/wiring/notice-sender.js');
    const text = chatText({
      kind: 'chat',
      address,
      title: '<!channel> & co',
      text: '<https://evil.example|click>',
      url: null,
      level: 'danger',
    });
    assert.equal(text, ':x: *&lt;!channel&gt; &amp; co*\n&lt;https://evil.example|click&gt;');
  });
});
