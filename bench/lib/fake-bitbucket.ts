import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tenant } from './pushes.js';

export interface FakeBitbucket {
  url: string;
  /** Calls by kind, for the report. */
  calls: Record<string, number>;
  close(): Promise<void>;
}

/** As much of Bitbucket as Slipway asks for while pushes come in: tokens, heads, build statuses, repositories, permissions. */
export async function startFakeBitbucket(
  heads: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Promise<FakeBitbucket> {
  const calls: Record<string, number> = {};
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => answer(request, response, heads, calls));
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  heads: ReadonlyMap<string, ReadonlyMap<string, string>>,
  calls: Record<string, number>,
): void {
  const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '');
  const count = (kind: string): void => {
    calls[kind] = (calls[kind] ?? 0) + 1;
  };
  const send = (status: number, body: object): void => {
    const text = JSON.stringify(body);
    response
      .writeHead(status, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      })
      .end(text);
  };
  if (path === '/site/oauth2/access_token') {
    count('token');
    return send(200, { access_token: 'bench-token', expires_in: 7200, token_type: 'bearer' });
  }
  if (path.endsWith('/statuses/build')) {
    count('status');
    return send(201, {});
  }
  const ref = /^\/2\.0\/repositories\/[^/]+\/([^/]+)\/refs\/branches(?:\/(.+))?$/.exec(path);
  if (ref) {
    const known = heads.get(ref[1] ?? '') ?? new Map<string, string>();
    if (ref[2] === undefined) {
      count('heads');
      const values = [...known].map(([name, hash]) => ({ name, target: { hash } }));
      return send(200, { values });
    }
    count('head');
    const hash = known.get(ref[2]);
    return hash ? send(200, { target: { hash, message: 'Bench' } }) : send(404, {});
  }
  if (path.includes('/permissions')) {
    count('permission');
    return send(200, { values: [{ permission: 'admin' }] });
  }
  const repository = /^\/2\.0\/repositories\/[^/]+\/([^/]+)$/.exec(path);
  if (repository) {
    count('repository');
    return send(200, {
      uuid: repository[1],
      full_name: `${tenant.workspaceSlug}/repo`,
      name: 'repo',
      mainbranch: { name: 'main' },
      workspace: { uuid: tenant.workspaceUuid },
    });
  }
  count('other');
  send(200, { values: [], uuid: tenant.workspaceUuid });
}
