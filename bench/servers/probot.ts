import { generateKeyPairSync } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { tenant } from '../lib/pushes.js';
import { listen, ready } from './listen.js';

/** As much of it as is used. Its own types are there only once it is installed, and `npm run check` must not need that. */
interface ProbotModule {
  createProbot: (options: { overrides: object }) => object;
  createNodeMiddleware: (
    app: (app: { on(event: string, handle: () => void): void }) => void,
    options: { probot: object; webhooksPath: string },
  ) => Promise<(...args: [...Parameters<RequestListener>, () => void]) => Promise<boolean>>;
}

const name: string = 'probot';
const { createNodeMiddleware, createProbot } = (await import(name)) as ProbotModule;

/** Probot's webhook middleware on `node:http`: signature checked, body parsed, handler called. Nothing is stored. */
const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
});
const probot = createProbot({
  overrides: {
    appId: 1,
    privateKey,
    secret: tenant.hookSecret,
    // Its one line a request, into nothing: kinder to it than its default.
    logLevel: 'fatal',
  },
});
let seen = 0;
const middleware = await createNodeMiddleware(
  (app) => {
    app.on('push', () => {
      seen += 1;
    });
  },
  { probot, webhooksPath: '/hooks' },
);
process.on('exit', () => process.stderr.write(`${seen} events\n`));
ready(
  await listen((request, response) => {
    void middleware(request, response, () => response.writeHead(404).end());
  }),
);
