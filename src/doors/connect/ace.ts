import ace from 'atlassian-connect-express';
import express, { type Express, type RequestHandler } from 'express';
import { ConfigError } from '../../core/errors.js';
import type { Logger } from '../../core/ports.js';
import { createAceLogger } from './ace-logger.js';
import type { AceStore } from './ace-store.js';
import { withWebhooks, type ConnectDescriptor } from './descriptor.js';

export interface AceOptions {
  descriptor: ConnectDescriptor;
  /** Our public address; may have a path. */
  baseUrl: string;
  bitbucketUrl: string;
  store: AceStore;
  logger: Logger;
}

/** The parts of atlassian-connect-express that are used. */
export interface Ace {
  /** ACE's own application: serves the descriptor, nothing else, and only once `ready`. */
  app: Express;
  ready: Promise<void>;
  /** Checks host and, for a known tenant, the token of an `installed` call. */
  verifyInstallation: RequestHandler;
  /** Checks the token of a page and leaves `request.context`. */
  authenticate: RequestHandler;
}

type Addon = ReturnType<typeof ace>;

const adapterName = 'slipway';

/**
 * atlassian-connect-express, kept away from everything it does badly (design.md §6.3; reference/bitbucket-connect.md §9).
 * It gets an application of its own, because it adds its routes a tick late, behind whatever the main one has by then.
 *
 * @throws ConfigError when ACE's own environment variables would change how it checks
 */
export function createAce(options: AceOptions): Ace {
  const app = express();
  app.disable('x-powered-by');
  // ACE's types leave out three of the methods it calls, and give the others types of their own.
  ace.store.register(adapterName, () => options.store as unknown as ace.StoreAdapter);
  let isReady: () => void;
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  const addon = withoutItsListener(() =>
    ace(app, aceConfig(app, options), createAceLogger(options.logger), fileNames, () => {
      // Its routes exist by now, so these add none; the descriptor route reads this property on every request.
      addon.descriptor = withWebhooks(options.descriptor) as unknown as Addon['descriptor'];
      isReady();
    }),
  );
  refuseOverrides(addon, options);
  return {
    app,
    ready,
    verifyInstallation: addon.verifyInstallation(),
    authenticate: addon.authenticate(),
  };
}

/** No `config.json` is read. The descriptor's name is also its route. */
const fileNames = { descriptorFilename: 'atlassian-connect.json', configFileName: '' };

function aceConfig(app: Express, options: AceOptions): ace.Options {
  const mode = {
    localBaseUrl: options.baseUrl.replace(/\/$/, ''),
    store: { adapter: adapterName },
    // Matched against the host that an `installed` body names, without port.
    whitelist: [hostOf(options.bitbucketUrl)],
    // Our routes bring their own checks; ACE's would store a first install unseen.
    setupInstallRoute: false,
    // `true` hangs on an unsigned second install: the error is passed to a callback that ignores it (§9.3).
    expressErrorHandling: false,
    validateDescriptor: false,
    watch: false,
    descriptorTransformer: () => options.descriptor,
  };
  const config = { product: 'bitbucket', development: mode, [String(app.get('env'))]: mode };
  // ACE's types leave out most of its options.
  return { config };
}

/**
 * Its constructor adds a process-wide `unhandledRejection` listener that logs and goes on. What happens to such errors is
 * for `main.ts` to say, so exactly that listener goes again.
 */
function withoutItsListener<T>(construct: () => T): T {
  const before = new Set(process.listeners('unhandledRejection'));
  try {
    return construct();
  } finally {
    for (const listener of process.listeners('unhandledRejection')) {
      if (!before.has(listener)) process.off('unhandledRejection', listener);
    }
  }
}

/** ACE prefers its own variables to the configuration it is given, silently. */
function refuseOverrides(addon: Addon, options: AceOptions): void {
  const problems: string[] = [];
  // Missing in ACE's types.
  const config = addon.config as unknown as {
    product(): { isBitbucket: boolean };
    whitelist(): string[];
  };
  if (!config.product().isBitbucket) {
    problems.push('AC_PRODUCT is set and names another product. Remove it.');
  }
  if (config.whitelist().join() !== hostOf(options.bitbucketUrl)) {
    problems.push('AC_HOST_WHITELIST is set. Remove it; SLIPWAY_BITBUCKET_URL says which host.');
  }
  if (skipsChecks(addon)) {
    problems.push('AC_OPTS=no-auth is set and would switch off all checks. Remove it.');
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

/** With `AC_OPTS=no-auth` ACE lets every request through at once; otherwise it looks for a token first, and later. */
function skipsChecks(addon: Addon): boolean {
  let passed = false;
  const request = { query: {}, body: {}, headers: {}, header: () => undefined };
  const response = { format: () => undefined };
  const authenticate = addon.authenticate() as (...args: unknown[]) => void;
  authenticate(request, response, () => (passed = true));
  return passed;
}

/** `url.parse`, which ACE compares with, leaves the brackets of an IPv6 address out. */
function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}
