import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import {
  createOutboundHttp,
  OutboundError,
  type OutboundHttp,
} from '../../src/lib/outbound-http.js';

describe('createOutboundHttp', () => {
  let server: http.Server;
  let base: string;
  let client: OutboundHttp;
  let seen: { method: string; url: string; headers: http.IncomingHttpHeaders; body: string }[];

  beforeEach(async () => {
    seen = [];
    server = http.createServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => {
        seen.push({ method: req.method ?? '', url: req.url ?? '', headers: req.headers, body });
        answer(req, res);
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    client = createOutboundHttp({
      userAgent: 'Slipway/test',
      allowPlainHttpHosts: ['127.0.0.1'],
      maxResponseBytes: 1000,
    });
  });

  afterEach(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });

  function answer(req: http.IncomingMessage, res: http.ServerResponse): void {
    switch (req.url?.split('?')[0]) {
      case '/redirect':
        return void res.writeHead(302, { location: `${base}/elsewhere` }).end();
      case '/large':
        return void res.end('x'.repeat(2000));
      case '/bomb':
        return void res
          .writeHead(200, { 'content-encoding': 'gzip' })
          .end(gzipSync('x'.repeat(100_000)));
      case '/silent':
        return;
      case '/cut':
        return void req.socket.destroy();
      default:
        res.writeHead(418, { 'X-Two': ['a', 'b'] }).end('{"tea":true}');
    }
  }

  const failing = async (url: string, extra: object = {}): Promise<OutboundError> => {
    const error = await client.send({ method: 'GET', url, ...extra }).then(
      () => assert.fail('an answer came'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof OutboundError, String(error));
    return error;
  };

  it('sends what it is given and returns any status as an answer', async () => {
    const response = await client.send({
      method: 'POST',
      url: `${base}/x?a=%7Bb%7D`,
      headers: { Authorization: 'JWT abc', 'Content-Type': 'application/x-www-form-urlencoded' },
      body: 'a=1',
    });
    assert.equal(response.status, 418);
    assert.deepEqual(response.json(), { tea: true });
    assert.equal(response.headers['x-two'], 'a, b');
    assert.equal(seen[0]?.url, '/x?a=%7Bb%7D');
    assert.equal(seen[0]?.body, 'a=1');
    assert.equal(seen[0]?.headers.authorization, 'JWT abc');
    assert.equal(seen[0]?.headers['user-agent'], 'Slipway/test');
    assert.equal(seen[0]?.headers['content-type'], 'application/x-www-form-urlencoded');
  });

  it('keeps a JSON text body as it is', async () => {
    await client.send({ method: 'POST', url: base, body: '{"a": 1}' });
    assert.equal(seen[0]?.body, '{"a": 1}');
  });

  it('follows no redirect', async () => {
    const response = await client.send({ method: 'GET', url: `${base}/redirect` });
    assert.equal(response.status, 302);
    assert.equal(seen.length, 1);
  });

  it('refuses plain http to hosts that are not listed, other schemes and credentials in the address', async () => {
    for (const url of [
      'http://example.com/',
      base.replace('127.0.0.1', 'localhost'),
      'file:///etc/passwd',
      base.replace('//', '//user:hunter2@'),
      'nonsense',
    ]) {
      const error = await failing(url);
      assert.equal(error.failure, 'refused_url');
      assert.equal(error.beforeSend, true);
      assert.doesNotMatch(error.message, /hunter2/);
    }
    assert.equal(seen.length, 0);
  });

  it('gives up on answers that are too large, also once inflated', async () => {
    assert.equal((await failing(`${base}/large`)).failure, 'too_large');
    assert.equal((await failing(`${base}/bomb`)).failure, 'too_large');
  });

  it('says that the request may have left when the answer never comes', async () => {
    const error = await failing(`${base}/silent`, { timeoutMs: 50 });
    assert.equal(error.failure, 'timeout');
    assert.equal(error.beforeSend, false);
  });

  it('says that the request may have left when the connection is cut', async () => {
    const error = await failing(`${base}/cut`);
    assert.equal(error.failure, 'network');
    assert.equal(error.beforeSend, false);
  });

  it('says that nothing left when nobody listens', async () => {
    const closed = net.createServer();
    await new Promise<void>((done) => closed.listen(0, '127.0.0.1', done));
    const { port } = closed.address() as AddressInfo;
    await new Promise((done) => closed.close(done));
    const error = await failing(`http://127.0.0.1:${port}/`);
    assert.equal(error.failure, 'network');
    assert.equal(error.code, 'ECONNREFUSED');
    assert.equal(error.beforeSend, true);
  });

  it('says that nothing left when TLS fails', async () => {
    const error = await failing(base.replace('http:', 'https:'));
    assert.equal(error.failure, 'network');
    assert.equal(error.beforeSend, true);
  });

  it('stops at once when the caller gives up', async () => {
    const controller = new AbortController();
    const pending = failing(`${base}/silent`, { signal: controller.signal });
    server.once('request', () => {
      controller.abort();
    });
    assert.equal((await pending).failure, 'aborted');
    assert.equal((await failing(base, { signal: AbortSignal.abort() })).failure, 'aborted');
  });

  it('ignores a proxy from the environment', async () => {
    process.env['http_proxy'] = 'http://127.0.0.1:9';
    try {
      assert.equal((await client.send({ method: 'GET', url: base })).status, 418);
    } finally {
      delete process.env['http_proxy'];
    }
  });

  it('keeps path, query, headers and body out of its errors', async () => {
    const error = await failing(`${base}/cut?token=hunter2`, {
      headers: { Authorization: 'Bearer hunter2' },
      body: 'hunter2',
    });
    const everything = JSON.stringify(error) + String(error.stack) + JSON.stringify(error.cause);
    assert.doesNotMatch(everything, /hunter2/);
  });
});
