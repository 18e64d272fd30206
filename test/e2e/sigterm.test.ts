import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { json, serve, type Served } from '../chaos/support/http.js';
import { verifiedId, webhookKey } from '../chaos/support/signed.js';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

/** SIGTERM while everything that could hold a server up does. */
describe('SIGTERM', function () {
  this.timeout(60_000);
  const key = webhookKey(randomBytes(32));
  /** `webhook-id`s of deployments that were asked for, in order. */
  const asked: string[] = [];
  const lookedUp: string[] = [];
  let isSilent = false;
  let receiver: Served;
  let stage: Stage;

  before(async () => {
    receiver = await serve(async (request, response, body) => {
      await Promise.resolve();
      const id = verifiedId(key, request.headers, body);
      if (id === null) return void response.writeHead(401).end();
      const message = JSON.parse(body.toString('utf8')) as {
        type: string;
        data: { deployment_id: string };
      };
      if (message.type === 'deployment.lookup_requested') {
        lookedUp.push(message.data.deployment_id);
        return json(response, 200, { found: asked.includes(id), state: 'live' });
      }
      if (message.type !== 'deployment.requested') return json(response, 200, {});
      asked.push(id);
      // Taken, and never answered.
      if (!isSilent) json(response, 200, { state: 'live' });
    });
    stage = await Stage.open();
    await stage.addTarget({
      backend: 'signed-webhook',
      'settings.url': `${receiver.url}/deploy`,
      'settings.secret': key.secret,
    });
  });

  after(async () => {
    await stage?.close();
    await receiver?.close();
  });

  async function open(head: string): Promise<Socket> {
    const { hostname, port } = new URL(stage.server.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(head);
    return socket;
  }

  it('ends with 0 within 10 s although a backend is silent, uploads stall and connections stay open', async () => {
    isSilent = true;
    const commit = await stage.bench.commit();
    await waitFor('the backend to be asked', () => asked.length === 1);
    const idle = await open('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(idle, 'data');
    const sockets = [
      idle,
      await open('POST /connect/events HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{"half'),
      await open(
        'POST /api/deployments/x/events HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n{',
      ),
      await open('POST /hooks/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'),
      await open('GET /healthz HTTP/1.1\r\nHost: x\r\nUnfinished'),
    ];
    const { code, ms } = await stage.server.stop();
    for (const socket of sockets) socket.destroy();
    assert.equal(code, 0, stage.server.stderr);
    assert.ok(ms < 10_000, `it took ${Math.round(ms)} ms`);

    isSilent = false;
    await stage.start();
    assert.equal((await stage.outcome(commit)).state, 'live');
    assert.ok(lookedUp.length > 0, 'what was sent and not answered is looked up');
    assert.equal(new Set(asked).size, 1, 'and never sent under another key');
  });
});
