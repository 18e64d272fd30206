import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { tempFolder } from '../../support/temp-folder.js';

export interface RemoteCall {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** An app's server that writes down what Forge sends; `answers` are used up in order, then it is 204. */
export async function startRemote() {
  const calls: RemoteCall[] = [];
  const answers: { status: number; body?: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      calls.push({ method, url, headers, body });
      const answer = answers.shift() ?? { status: 204 };
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(answer.body ?? '');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    answers,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

const manifest = `
app:
  id: ari:cloud:ecosystem::app/11111111-2222-4333-8444-555555555555
  runtime: { name: nodejs22.x }
environment:
  variables:
    - { key: BASE, default: https://nowhere.example }
modules:
  bitbucket:repoSettingsMenuPage:
    - { key: settings, title: Test app, resource: panel, resolver: { endpoint: ui } }
  trigger:
    - { key: push, endpoint: push-ep, events: ['avi:bitbucket:push:repository'] }
    - { key: life, endpoint: life-ep, events: ['avi:forge:installed:app', 'avi:forge:upgraded:app'] }
  preUninstall:
    - { key: bye, endpoint: bye-ep }
  scheduledTrigger:
    - { key: hourly, endpoint: cron-ep, interval: hour }
  endpoint:
    - { key: ui, remote: server, auth: { appUserToken: { enabled: true }, appSystemToken: { enabled: true } } }
    - { key: push-ep, remote: server, route: { path: /push }, auth: { appSystemToken: { enabled: true } } }
    - { key: life-ep, remote: server, route: { path: /life }, auth: { appSystemToken: { enabled: true } } }
    - { key: bye-ep, remote: server, route: { path: /bye } }
    - { key: cron-ep, remote: server, route: { path: /cron }, auth: { appSystemToken: { enabled: true } } }
resources:
  - { key: panel, path: static }
remotes:
  - { key: server, baseUrl: '\${BASE}' }
permissions:
  scopes: [read:app-system-token, read:app-user-token, 'read:repository:bitbucket', 'read:workspace:bitbucket']
`;

/** A folder as `forge deploy` would be run in. */
export function appFolder(): { path: string; remove(): void } {
  const folder = tempFolder('forge-app');
  const { path } = folder;
  writeFileSync(join(path, 'manifest.yml'), manifest);
  mkdirSync(join(path, 'static'));
  const page = '<!doctype html><html><head><title>App</title></head><body>Hello</body></html>';
  writeFileSync(join(path, 'static', 'index.html'), page);
  return folder;
}
