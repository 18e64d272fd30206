import ace from 'atlassian-connect-express';
import express from 'express';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tenant } from '../lib/pushes.js';
import { ready } from './listen.js';

/**
 * atlassian-connect-express as its own template sets it up, with its own webhook route: JWT checked, event emitted, 204.
 * Nothing is stored of an event. Installations are in its default store, Sequelize on SQLite in memory, which it asks at every
 * request; `map` spares it that query, which no store that it ships does.
 */
const app = express();
const server = createServer(app);
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;
const baseUrl = `http://127.0.0.1:${port}`;

const clientInfo = {
  key: 'slipway',
  clientKey: tenant.clientKey,
  sharedSecret: tenant.sharedSecret,
  baseUrl: 'https://bitbucket.org',
};
const useMap = process.argv[2] === 'map';
const store = {
  get: (name: string) => Promise.resolve(name === 'clientInfo' ? clientInfo : null),
  set: () => Promise.resolve(),
  del: () => Promise.resolve(),
  getAllClientInfos: () => Promise.resolve([clientInfo]),
};
// ACE's types leave out most of what it takes.
ace.store.register('bench', () => store as unknown as ace.StoreAdapter);
const descriptor = {
  key: 'slipway',
  name: 'Bench',
  baseUrl,
  authentication: { type: 'jwt' },
  lifecycle: { installed: '/installed' },
  modules: { webhooks: [{ event: 'repo:push', url: '/webhook' }] },
  contexts: ['account'],
  scopes: ['repository'],
};
const mode = {
  localBaseUrl: baseUrl,
  store: useMap
    ? { adapter: 'bench' }
    : { adapter: 'sequelize', dialect: 'sqlite', storage: ':memory:', logging: false },
  expressErrorHandling: true,
  validateDescriptor: false,
  watch: false,
  descriptorTransformer: () => descriptor,
};
const quiet = { info: noop, warn: noop, error: noop, debug: noop, log: noop };
function noop(): void {}

app.use(express.json({ limit: '1mb' }));
const addon: ReturnType<typeof ace> = ace(
  app,
  { config: { product: 'bitbucket', development: mode, [String(app.get('env'))]: mode } } as never,
  quiet as never,
  { configFileName: '', descriptorFilename: 'atlassian-connect.json' } as never,
  () => {
    void addon.settings.set('clientInfo', clientInfo as never, tenant.clientKey).then(() => {
      ready(port);
    });
  },
);
app.use(addon.middleware());
let seen = 0;
addon.on('repo:push', () => {
  seen += 1;
});
process.on('exit', () => process.stderr.write(`${seen} events\n`));
