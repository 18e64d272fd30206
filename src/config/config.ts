import { resolve } from 'node:path';
import { ConfigError } from '../core/errors.js';
import type { LogLevel } from '../lib/logger.js';
import { parseDatabaseUrl, type DatabaseAddress } from './database-url.js';
import type { Env, Variable } from './env.js';
import { parseRoles, type Roles } from './roles.js';

/** What the operator decided, checked and frozen. Secrets are kept apart, in `Secrets`. */
export interface Config {
  port: number;
  host: string;
  /** Public origin, without a trailing slash; null = loopback on the port really bound. */
  baseUrl: string | null;
  /** Express's `trust proxy`. */
  trustProxy: boolean | number | string;
  dataDir: string;
  database: DatabaseAddress;
  roles: Roles;
  logLevel: LogLevel;
  bitbucketUrl: string;
  bitbucketApiUrl: string;
  /** The configured Bitbucket is on this machine: plain http is allowed towards it, and only then. */
  bitbucketIsLoopback: boolean;
  connectAppKey: string;
  /** Key of our OAuth consumer; null: nobody can sign in here. */
  oauthClientId: string | null;
  /** Origins of the APIs of deploy backends. */
  vendorUrls: { digitalocean: string };
  /** Null: the Forge door is closed. */
  forge: ForgeConfig | null;
  /** Backend ids the operator allows; null = all that exist. */
  backends: readonly string[] | null;
  localBackend: boolean;
  /** Addresses that users type may lead into private networks. */
  allowPrivateTargets: boolean;
  /** Sender of notices by mail; null: no mail is sent. */
  mailFrom: string | null;
}

export interface ForgeConfig {
  /** Bare uuid. */
  appId: string;
  /** Types (`production`) or ids of the environments served here. */
  environments: readonly string[];
  /** Where the keys of invocation tokens are. */
  jwksUrl: string;
  /** Where a workspace admin installs it; null: Bitbucket does not offer it beside the Connect app. */
  appLink: string | null;
}

export interface Secrets {
  /** `postgres://…`; null exactly when the database is SQLite. */
  databaseUrl: string | null;
  /** 32 bytes; null: one may be made and kept in the data folder, because the base URL is loopback. */
  masterKey: Buffer | null;
  /** Earlier ones, which still open what they sealed until `slipway keys rotate` is done. */
  olderMasterKeys: readonly Buffer[];
  /** Secret of our OAuth consumer; null exactly when there is no `oauthClientId`. */
  oauthClientSecret: string | null;
  /** What `/metrics` wants to see; null: there is no such page. */
  metricsToken: string | null;
  /** `smtp://` or `smtps://`, with user and password in it; null exactly when there is no `mailFrom`. */
  smtpUrl: string | null;
}

const logLevels: readonly LogLevel[] = [
  'fatal',
  'error',
  'warn',
  'info',
  'debug',
  'trace',
  'silent',
];

/** Reports every problem at once. Throws `ConfigError`. */
export function parseConfig(
  env: Env,
  earlierProblems: readonly string[] = [],
): { config: Readonly<Config>; secrets: Secrets } {
  const check = new Checker(env, earlierProblems);
  const port = check.integer('PORT', 3000, 0, 65_535);
  const baseUrl = check.origin('SLIPWAY_BASE_URL', null);
  const bitbucketUrl = check.origin('SLIPWAY_BITBUCKET_URL', 'https://bitbucket.org');
  const bitbucketApiUrl = check.origin('SLIPWAY_BITBUCKET_API_URL', 'https://api.bitbucket.org');
  const bitbucketIsLoopback = isLoopback(bitbucketUrl) && isLoopback(bitbucketApiUrl);
  const baseIsLoopback = baseUrl === null || isLoopback(baseUrl);
  check.plainHttp('SLIPWAY_BITBUCKET_URL', bitbucketUrl, isLoopback(bitbucketUrl));
  check.plainHttp('SLIPWAY_BITBUCKET_API_URL', bitbucketApiUrl, isLoopback(bitbucketApiUrl));
  check.plainHttp('SLIPWAY_BASE_URL', baseUrl, bitbucketIsLoopback);
  if (isLoopback(bitbucketUrl) !== isLoopback(bitbucketApiUrl)) {
    check.problem(
      'SLIPWAY_BITBUCKET_URL and SLIPWAY_BITBUCKET_API_URL must both be on this machine, or neither.',
    );
  }
  if (!check.has('SLIPWAY_BASE_URL') && !bitbucketIsLoopback) {
    check.problem(
      'SLIPWAY_BASE_URL is not set: Bitbucket must be able to reach Slipway. Set it to your public https address.',
    );
  }
  const digitalocean = check.origin('SLIPWAY_DIGITALOCEAN_API_URL', 'https://api.digitalocean.com');
  check.plainHttp(
    'SLIPWAY_DIGITALOCEAN_API_URL',
    digitalocean,
    bitbucketIsLoopback && isLoopback(digitalocean),
  );
  const [masterKey = null, ...olderMasterKeys] = check.keys('SLIPWAY_MASTER_KEY');
  if (masterKey === null && !baseIsLoopback && !check.has('SLIPWAY_MASTER_KEY')) {
    check.problem(
      'SLIPWAY_MASTER_KEY is not set. Make one with `slipway keys new` and keep it safe.',
    );
  }
  const oauth = check.both('SLIPWAY_OAUTH_CLIENT_ID', 'SLIPWAY_OAUTH_CLIENT_SECRET');
  const metricsToken = check.secretText('SLIPWAY_METRICS_TOKEN', 16);
  const mail = check.both('SLIPWAY_SMTP_URL', 'SLIPWAY_MAIL_FROM');
  if (mail && !/^smtps?:\/\/[^/]/.test(mail[0])) {
    check.problem(
      'SLIPWAY_SMTP_URL does not look like smtps://user:password@mail.example.com:465.',
    );
  }
  const config: Config = {
    port,
    host: check.text('SLIPWAY_HOST', baseIsLoopback ? '127.0.0.1' : '0.0.0.0'),
    baseUrl,
    trustProxy: parseTrustProxy(check.text('SLIPWAY_TRUST_PROXY', 'false')),
    dataDir: resolve(check.text('SLIPWAY_DATA_DIR', './data')),
    database: check.database(),
    roles: parseRoles(check),
    logLevel: check.oneOf('SLIPWAY_LOG_LEVEL', logLevels, 'info'),
    bitbucketUrl: bitbucketUrl ?? '',
    bitbucketApiUrl: bitbucketApiUrl ?? '',
    bitbucketIsLoopback,
    connectAppKey: check.matching(
      'SLIPWAY_CONNECT_APP_KEY',
      'slipway',
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/,
      'letters, digits, dots, dashes',
    ),
    oauthClientId: oauth?.[0] ?? null,
    vendorUrls: { digitalocean },
    forge: forgeConfig(check, bitbucketIsLoopback),
    backends: check.list('SLIPWAY_BACKENDS'),
    localBackend:
      check.oneOf('SLIPWAY_LOCAL_BACKEND', ['on', 'off'], baseIsLoopback ? 'on' : 'off') === 'on',
    allowPrivateTargets:
      check.oneOf('SLIPWAY_ALLOW_PRIVATE_TARGETS', ['on', 'off'], 'off') === 'on',
    mailFrom: mail?.[1] ?? null,
  };
  check.throwIfAny();
  return {
    config: Object.freeze(config),
    secrets: {
      databaseUrl: env.DATABASE_URL ?? null,
      masterKey,
      olderMasterKeys,
      oauthClientSecret: oauth?.[1] ?? null,
      metricsToken,
      smtpUrl: mail?.[0] ?? null,
    },
  };
}

const atlassianKeys = 'https://forge.cdn.prod.atlassian-dev.net/.well-known/jwks.json';
const uuid = '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}';
const appIdPattern = new RegExp(`^(?:ari:cloud:ecosystem::app/)?(${uuid})$`);
const environmentPattern = new RegExp(
  `^(production|staging|development|(?:ari:cloud:ecosystem::environment/${uuid}/)?${uuid})$`,
  'i',
);

/** As `slipway forge configure` prints it. */
function forgeConfig(check: Checker, bitbucketIsLoopback: boolean): ForgeConfig | null {
  const appId = check.text('SLIPWAY_FORGE_APP_ID', '');
  const environments = check.list('SLIPWAY_FORGE_ENVIRONMENTS') ?? ['production'];
  const jwksUrl = check.text('SLIPWAY_FORGE_JWKS_URL', atlassianKeys);
  const [, bare] = appIdPattern.exec(appId) ?? [];
  if (appId !== '' && bare === undefined) {
    check.problem(
      `SLIPWAY_FORGE_APP_ID is "${appId}"; it must be the id in the app's manifest.yml, with or without its "ari:…".`,
    );
  }
  for (const each of environments) {
    if (environmentPattern.test(each)) continue;
    check.problem(
      `SLIPWAY_FORGE_ENVIRONMENTS has "${each}"; it may have production, staging, development or ids of environments.`,
    );
  }
  if (environments.length === 0) {
    check.problem('SLIPWAY_FORGE_ENVIRONMENTS is empty; name at least one environment.');
  }
  const parsed = URL.canParse(jwksUrl) ? new URL(jwksUrl) : null;
  const isPlain = bitbucketIsLoopback && parsed?.protocol === 'http:' && isLoopback(jwksUrl);
  if (parsed?.protocol !== 'https:' && !isPlain) {
    check.problem(
      'SLIPWAY_FORGE_JWKS_URL must be an https address; plain http is allowed on this machine only, when Bitbucket is there, too.',
    );
  }
  const appLink = check.text('SLIPWAY_FORGE_APP_LINK', '') || null;
  if (appLink !== null && !(URL.canParse(appLink) && new URL(appLink).protocol === 'https:')) {
    check.problem(
      'SLIPWAY_FORGE_APP_LINK must be the https address that the developer console gives as install link.',
    );
  }
  return bare === undefined ? null : { appId: bare.toLowerCase(), environments, jwksUrl, appLink };
}

/** `127.0.0.0/8`, `::1` and `localhost`; nothing is resolved. */
export function isLoopback(url: string | null): boolean {
  if (url === null) return false;
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function parseTrustProxy(value: string): boolean | number | string {
  if (value === 'true' || value === 'false') return value === 'true';
  return /^\d+$/.test(value) ? Number(value) : value;
}

/** Collects problems instead of stopping at the first one. */
class Checker {
  readonly #env: Env;
  readonly #problems: string[];

  constructor(env: Env, problems: readonly string[]) {
    this.#env = env;
    this.#problems = [...problems];
  }

  has(name: Variable): boolean {
    return this.#env[name] !== undefined;
  }

  problem(sentence: string): void {
    this.#problems.push(sentence);
  }

  text(name: Variable, fallback: string): string {
    return this.#env[name] ?? fallback;
  }

  matching(name: Variable, fallback: string, pattern: RegExp, allowed: string): string {
    const value = this.text(name, fallback);
    if (!pattern.test(value)) this.problem(`${name} is "${value}"; it may have ${allowed} only.`);
    return value;
  }

  integer(name: Variable, fallback: number, min: number, max: number): number {
    const text = this.#env[name];
    if (text === undefined) return fallback;
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    this.problem(`${name} is "${text}"; it must be a whole number from ${min} to ${max}.`);
    return fallback;
  }

  oneOf<T extends string>(name: Variable, allowed: readonly T[], fallback: T): T {
    const text = this.#env[name];
    if (text === undefined) return fallback;
    const found = allowed.find((value) => value === text);
    if (found === undefined)
      this.problem(`${name} is "${text}"; it must be one of ${allowed.join(', ')}.`);
    return found ?? fallback;
  }

  /** Two that are nothing without each other. Lengths are not checked: Bitbucket's own have changed before. */
  both(first: Variable, second: Variable): [string, string] | null {
    const values = [this.#env[first], this.#env[second]] as const;
    if (values[0] !== undefined && values[1] !== undefined) return [values[0], values[1]];
    if (values[0] !== undefined) this.problem(`${first} is set, but ${second} is not. Set both.`);
    if (values[1] !== undefined) this.problem(`${second} is set, but ${first} is not. Set both.`);
    return null;
  }

  /** A text that should not be guessed; the value itself is never repeated. */
  secretText(name: Variable, leastLength: number): string | null {
    const value = this.#env[name];
    if (value === undefined || value.length >= leastLength) return value ?? null;
    this.problem(
      `${name} is shorter than ${leastLength} characters. Make one that cannot be guessed.`,
    );
    return null;
  }

  database(): DatabaseAddress {
    const text = this.#env['DATABASE_URL'];
    if (text === undefined) return { kind: 'sqlite' };
    const parsed = parseDatabaseUrl(text);
    if (!('problem' in parsed)) return parsed;
    this.problem(parsed.problem);
    return { kind: 'sqlite' };
  }

  list(name: Variable): string[] | null {
    const text = this.#env[name];
    if (text === undefined) return null;
    return text
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
  }

  origin(name: Variable, fallback: string): string;
  origin(name: Variable, fallback: string | null): string | null;
  origin(name: Variable, fallback: string | null): string | null {
    const text = this.#env[name];
    if (text === undefined) return fallback;
    const url = URL.canParse(text) ? new URL(text) : null;
    if (!url || !['http:', 'https:'].includes(url.protocol)) {
      this.problem(
        `${name} is not a web address; it should look like https://slipway.example.com.`,
      );
      return fallback;
    }
    if (url.username || url.password || url.search || url.hash || url.pathname !== '/') {
      this.problem(`${name} must be a bare address without path, query or credentials.`);
      return fallback;
    }
    return url.origin;
  }

  plainHttp(name: Variable, url: string | null, allowed: boolean): void {
    if (url?.startsWith('http:') && !allowed) {
      this.problem(
        `${name} must use https; plain http is allowed only when Bitbucket's address is loopback.`,
      );
    }
  }

  /** One or more, newest first, with white space or commas between them. */
  keys(name: Variable): Buffer[] {
    const texts = (this.#env[name] ?? '').split(/[\s,]+/).filter((text) => text !== '');
    const keys = texts.map((text) => Buffer.from(text, 'base64'));
    if (keys.every((key) => key.length === 32)) return keys;
    // The value itself must not be repeated: it may be a real key with a typing error.
    this.problem(
      `${name} must be 32 bytes in base64 (44 characters). Make one with \`slipway keys new\`.`,
    );
    return [];
  }

  throwIfAny(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }
}
