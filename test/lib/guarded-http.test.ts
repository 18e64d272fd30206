import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  createGuardedHttp,
  guardedLookup,
  type GuardedHttpOptions,
} from '../../src/lib/guarded-http.js';
import {
  OutboundError,
  type OutboundHttp,
  type OutboundRequest,
} from '../../src/lib/outbound-http.js';
import {
  expiredCertificate,
  goodCertificate,
  serverKey,
} from '../backends/signed-webhook/support/certificates.js';
import { trustTestAuthority } from '../backends/signed-webhook/support/trust.js';

const closed = { allowPrivate: false, allowPlainHttp: false };
const development = { allowPrivate: false, allowPlainHttp: true };

describe('createGuardedHttp', () => {
  let clients: OutboundHttp[];
  let servers: net.Server[];

  beforeEach(() => {
    clients = [];
    servers = [];
  });

  afterEach(() => {
    for (const client of clients) client.close();
    for (const server of servers) {
      if (server instanceof http.Server || server instanceof https.Server) {
        server.closeAllConnections();
      }
      server.close();
    }
  });

  function client(options: Partial<GuardedHttpOptions>): OutboundHttp {
    const made = createGuardedHttp({ ...closed, userAgent: 'Slipway/test', ...options });
    clients.push(made);
    return made;
  }

  async function listen<S extends net.Server>(server: S, host = '127.0.0.1'): Promise<number> {
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, host, done));
    return (server.address() as AddressInfo).port;
  }

  async function failing(
    from: OutboundHttp,
    url: string,
    more: Partial<OutboundRequest> = {},
  ): Promise<OutboundError> {
    const error = await from.send({ method: 'POST', url, body: 'hello', ...more }).then(
      ({ status }) => assert.fail(`it was answered ${status}`),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof OutboundError, String(error));
    return error;
  }

  function assertRefused(error: OutboundError): void {
    assert.equal(error.failure, 'refused_url');
    assert.equal(error.beforeSend, true);
  }

  describe('where a literal address leads', () => {
    let port: number;
    let connections: number;

    beforeEach(async () => {
      connections = 0;
      port = await listen(
        net.createServer((socket) => {
          connections += 1;
          socket.destroy();
        }),
      );
    });

    const forms = [
      '127.0.0.1',
      '127.0.0.1.',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0x7f.0.0.1',
      '0177.0.0.1',
      '017700000001',
      '127.0.0.01',
      '１２７.０.０.１',
      '%31%32%37.0.0.1',
      '0',
      '0.0.0.0',
      '[::1]',
      '[::]',
      '[0:0:0:0:0:0:0:1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '[::127.0.0.1]',
      '[64:ff9b::7f00:1]',
      '[2002:7f00:1::]',
      '[fe80::1]',
      '[fd00:ec2::254]',
      '169.254.169.254',
      '2852039166',
      '0xa9fea9fe',
      '168.63.129.16',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.0.1',
      '100.64.0.1',
      '224.0.0.1',
      '255.255.255.255',
      'localhost',
      'LOCALHOST',
    ];
    for (const form of forms) {
      it(`refuses https://${form}, and nothing leaves`, async () => {
        assertRefused(await failing(client({}), `https://${form}:${port}/`));
        assert.equal(connections, 0);
      });
    }

    for (const url of [
      'http://deploy.example/',
      'http://127.0.0.1/',
      'ftp://deploy.example/',
      'file:///etc/passwd',
      'https://user:hunter2@deploy.example/',
      'https://hunter2@deploy.example/',
      'nonsense',
      'https://',
    ]) {
      it(`refuses ${url}`, async () => {
        const error = await failing(client({ resolve: () => assert.fail('resolved') }), url);
        assertRefused(error);
        assert.doesNotMatch(error.message, /hunter2/);
      });
    }

    it('keeps metadata and link-local closed where private networks are open', async () => {
      for (const host of ['169.254.169.254', '[fd00:ec2::254]', '100.100.100.200', '[fe80::1]']) {
        assertRefused(await failing(client({ allowPrivate: true }), `https://${host}/`));
      }
    });

    it('keeps other private networks closed in development, and plain http to this machine', async () => {
      assertRefused(await failing(client(development), 'https://10.0.0.1/'));
      assertRefused(await failing(client(development), 'http://10.0.0.1/'));
      const resolve = () => Promise.resolve(['127.0.0.1']);
      assertRefused(
        await failing(client({ ...development, resolve }), `http://named.test:${port}/`),
      );
      assert.equal(connections, 0);
    });
  });

  describe('where a name leads', () => {
    const lists = [
      ['127.0.0.1'],
      ['10.1.2.3'],
      ['169.254.169.254'],
      ['::1'],
      ['fd00:ec2::254'],
      ['::ffff:10.0.0.1'],
      ['64:ff9b::a9fe:a9fe'],
      ['8.8.8.8', '127.0.0.1'],
      ['2606:4700::1111', 'fe80::1'],
      ['not an address'],
    ];
    for (const list of lists) {
      it(`refuses a name with ${list.join(' and ')}`, async () => {
        const error = await failing(
          client({ resolve: () => Promise.resolve(list) }),
          'https://inside.test/?secret=hunter2',
        );
        assertRefused(error);
        // What an internal name resolves to is nobody's business either.
        assert.equal(error.message, 'Address not allowed (inside.test)');
      });
    }

    it('judges a name with a trailing dot like any other', async () => {
      const asked: string[] = [];
      const resolve = (name: string) => {
        asked.push(name);
        return Promise.resolve(['127.0.0.1']);
      };
      assertRefused(await failing(client({ resolve }), 'https://localhost./'));
      assert.deepEqual(asked, ['localhost.']);
    });

    it('says that a name has no address', async () => {
      const error = await failing(
        client({ resolve: () => Promise.resolve([]) }),
        'https://no.test/',
      );
      assert.equal(error.failure, 'network');
      assert.equal(error.code, 'ENOTFOUND');
      assert.equal(error.beforeSend, true);
    });

    it('gives up on a resolver that never answers, before anything was sent', async () => {
      const never = client({ resolve: () => new Promise(() => undefined), timeoutMs: 50 });
      const error = await failing(never, 'https://slow.test/');
      assert.equal(error.failure, 'timeout');
      assert.equal(error.beforeSend, true);
    });

    it('hands exactly the judged addresses to the socket, all of them or the first', async () => {
      const lookup = guardedLookup(
        () => Promise.resolve(['8.8.8.8', '2606:4700::1111']),
        () => true,
      );
      const all = await new Promise((done) =>
        lookup('a.test', { all: true }, (error, found) => done([error, found])),
      );
      assert.deepEqual(all, [
        null,
        [
          { address: '8.8.8.8', family: 4 },
          { address: '2606:4700::1111', family: 6 },
        ],
      ]);
      const one = await new Promise((done) =>
        lookup('a.test', {}, (error, address, family) => done([error, address, family])),
      );
      assert.deepEqual(one, [null, '8.8.8.8', 4]);
    });
  });

  describe('over TLS', () => {
    let distrust: () => void;
    let seen: { host: string | undefined; name: string | false | undefined; local: string }[];

    beforeEach(() => {
      distrust = trustTestAuthority();
      seen = [];
    });

    afterEach(() => distrust());

    function secureServer(cert = goodCertificate): https.Server {
      return https.createServer({ cert, key: serverKey }, (request, response) => {
        const socket = request.socket as TLSSocket & { servername?: string | false };
        seen.push({
          host: request.headers.host,
          name: socket.servername,
          local: socket.localAddress ?? '',
        });
        response.end('fine');
      });
    }

    it('connects to the judged address, and keeps the name for TLS and Host', async () => {
      const port = await listen(secureServer());
      const asked: string[] = [];
      const resolve = (name: string) => {
        asked.push(name);
        return Promise.resolve(['127.0.0.1']);
      };
      const response = await client({ ...development, resolve }).send({
        method: 'POST',
        url: `https://receiver.test:${port}/hook`,
        body: '{}',
      });
      assert.equal(response.text, 'fine');
      assert.deepEqual(asked, ['receiver.test']);
      assert.deepEqual(seen, [
        { host: `receiver.test:${port}`, name: 'receiver.test', local: '127.0.0.1' },
      ]);
    });

    it('gives a rebinding resolver no second chance', async () => {
      const port = await listen(secureServer());
      const other = secureServer();
      servers.push(other);
      await new Promise<void>((done) => other.listen(port, '127.0.0.2', done));
      // Good when judged; by the time of the connection it would lead elsewhere.
      const answers = [['127.0.0.1'], ['127.0.0.2'], ['169.254.169.254']];
      let asked = 0;
      const resolve = () => Promise.resolve(answers[asked++] ?? []);
      const guarded = client({ ...development, resolve });
      const url = `https://receiver.test:${port}/`;
      await guarded.send({ method: 'POST', url, body: '{}' });
      assert.equal(asked, 1);
      assert.deepEqual(
        seen.map(({ local }) => local),
        ['127.0.0.1'],
      );
      // The next call does not lean on the earlier verdict, nor on a connection left open.
      await guarded.send({ method: 'POST', url, body: '{}' });
      assertRefused(await failing(guarded, url));
      assert.deepEqual(
        seen.map(({ local }) => local),
        ['127.0.0.1', '127.0.0.2'],
      );
    });

    const wrong = [
      { what: 'for another name', host: 'other.test', code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
      {
        what: 'that has expired',
        host: 'receiver.test',
        cert: expiredCertificate,
        code: 'CERT_HAS_EXPIRED',
      },
      {
        what: 'of an unknown authority',
        host: 'receiver.test',
        untrusted: true,
        code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      },
    ];
    for (const { what, host, cert, untrusted, code } of wrong) {
      it(`sends nothing to a certificate ${what}`, async () => {
        if (untrusted) distrust();
        const port = await listen(secureServer(cert));
        const resolve = () => Promise.resolve(['127.0.0.1']);
        const error = await failing(
          client({ ...development, resolve }),
          `https://${host}:${port}/`,
        );
        assert.equal(error.failure, 'network');
        assert.equal(error.code, code);
        assert.equal(error.beforeSend, true);
        assert.equal(seen.length, 0);
      });
    }

    it('gives up on a handshake that never comes, before anything was sent', async () => {
      const port = await listen(net.createServer(() => undefined));
      const error = await failing(
        client({ ...development, timeoutMs: 100 }),
        `https://127.0.0.1:${port}/`,
      );
      assert.equal(error.failure, 'timeout');
      assert.equal(error.beforeSend, true);
    });
  });

  describe('what comes back', () => {
    let base: string;
    let paths: string[];
    let timers: NodeJS.Timeout[];

    beforeEach(async () => {
      paths = [];
      timers = [];
      const server = http.createServer((request, response) => {
        paths.push(request.url ?? '');
        request.resume();
        answer(request.url ?? '', request, response);
      });
      base = `http://127.0.0.1:${await listen(server)}`;
    });

    afterEach(() => timers.forEach((timer) => clearInterval(timer)));

    function drip(write: () => boolean): void {
      timers.push(setInterval(write, 10));
    }

    function answer(
      path: string,
      request: http.IncomingMessage,
      response: http.ServerResponse,
    ): void {
      switch (path.split('?')[0]) {
        case '/redirect':
          return void response.writeHead(307, { location: `${base}/inside` }).end();
        case '/endless': {
          const more = (): void => {
            while (response.write('x'.repeat(16_384)));
            response.once('drain', more);
          };
          return more();
        }
        case '/slow-body':
          response.writeHead(200);
          return drip(() => response.write('x'));
        case '/slow-head':
          request.socket.write('HTTP/1.1 200 OK\r\nX-Slow: ');
          return drip(() => request.socket.write('x'));
        case '/interim':
          return drip(() => request.socket.write('HTTP/1.1 102 Processing\r\n\r\n'));
        case '/cut':
          return void request.socket.destroy();
        case '/exact':
          return void response.end('x'.repeat(64 * 1024));
        case '/one-more':
          return void response.end('x'.repeat(64 * 1024 + 1));
        default:
          response.end('ok');
      }
    }

    it('reaches this machine over plain http in development', async () => {
      const response = await client(development).send({ method: 'POST', url: base, body: '{}' });
      assert.equal(response.text, 'ok');
    });

    it('takes a redirect for the answer that it is', async () => {
      const response = await client(development).send({
        method: 'POST',
        url: `${base}/redirect`,
        body: '{}',
      });
      assert.equal(response.status, 307);
      assert.deepEqual(paths, ['/redirect']);
    });

    it('reads 64 KiB and not a byte more, and gives up on an endless body', async () => {
      const guarded = client(development);
      const whole = await guarded.send({ method: 'GET', url: `${base}/exact` });
      assert.equal(whole.text.length, 64 * 1024);
      for (const path of ['/one-more', '/endless']) {
        const error = await failing(guarded, base + path);
        assert.equal(error.failure, 'too_large');
        assert.equal(error.beforeSend, false);
      }
    });

    for (const path of ['/slow-body', '/slow-head', '/interim']) {
      it(`counts all of the time against the cap: ${path}`, async () => {
        const startedAt = performance.now();
        const error = await failing(client({ ...development, timeoutMs: 150 }), base + path);
        assert.equal(error.failure, 'timeout');
        assert.equal(error.beforeSend, false);
        assert.ok(performance.now() - startedAt < 3_000);
      });
    }

    it('says that the request may have arrived when the connection is cut', async () => {
      const error = await failing(client(development), `${base}/cut?token=hunter2`);
      assert.equal(error.failure, 'network');
      assert.equal(error.beforeSend, false);
      assert.doesNotMatch(JSON.stringify(error) + String(error.stack), /hunter2/);
    });

    it('says that nothing left when nobody listens', async () => {
      const gone = net.createServer();
      const port = await listen(gone);
      await new Promise((done) => gone.close(done));
      const error = await failing(client(development), `http://127.0.0.1:${port}/`);
      assert.equal(error.code, 'ECONNREFUSED');
      assert.equal(error.beforeSend, true);
    });

    it('leaves no connection open that the receiver could close under the next call', async () => {
      const guarded = client(development);
      const sockets = new Set<unknown>();
      servers[0]?.on('connection', (socket) => sockets.add(socket));
      await guarded.send({ method: 'GET', url: base });
      await guarded.send({ method: 'GET', url: base });
      assert.equal(sockets.size, 2);
    });

    it('stops when the caller gives up', async () => {
      const error = await failing(client(development), base, { signal: AbortSignal.abort() });
      assert.equal(error.failure, 'aborted');
      assert.equal(error.beforeSend, true);
    });
  });
});
