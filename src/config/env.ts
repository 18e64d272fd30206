import { readFileSync } from 'node:fs';

/** Every variable Slipway reads. Those in `secretVariables` may also come from a file named by `NAME_FILE`. */
export const variables = [
  'PORT',
  'SLIPWAY_HOST',
  'SLIPWAY_BASE_URL',
  'SLIPWAY_TRUST_PROXY',
  'SLIPWAY_DATA_DIR',
  'DATABASE_URL',
  'SLIPWAY_ROLES',
  'SLIPWAY_LOG_LEVEL',
  'SLIPWAY_MASTER_KEY',
  'SLIPWAY_BITBUCKET_URL',
  'SLIPWAY_BITBUCKET_API_URL',
  'SLIPWAY_CONNECT_APP_KEY',
  'SLIPWAY_OAUTH_CLIENT_ID',
  'SLIPWAY_OAUTH_CLIENT_SECRET',
  'SLIPWAY_DIGITALOCEAN_API_URL',
  'SLIPWAY_FORGE_APP_ID',
  'SLIPWAY_FORGE_ENVIRONMENTS',
  'SLIPWAY_FORGE_JWKS_URL',
  'SLIPWAY_FORGE_APP_LINK',
  'SLIPWAY_BACKENDS',
  'SLIPWAY_LOCAL_BACKEND',
  'SLIPWAY_ALLOW_PRIVATE_TARGETS',
  'SLIPWAY_METRICS_TOKEN',
  'SLIPWAY_SMTP_URL',
  'SLIPWAY_MAIL_FROM',
] as const;

export const secretVariables: ReadonlySet<string> = new Set([
  'DATABASE_URL',
  'SLIPWAY_MASTER_KEY',
  'SLIPWAY_OAUTH_CLIENT_SECRET',
  'SLIPWAY_METRICS_TOKEN',
  'SLIPWAY_SMTP_URL',
]);

export type Variable = (typeof variables)[number];
export type Env = Partial<Record<Variable, string>>;

/** Text as set by the operator, `NAME_FILE` resolved. The only reader of `process.env`. */
export function readEnv(source: NodeJS.ProcessEnv = process.env): { env: Env; problems: string[] } {
  const env: Env = {};
  const problems: string[] = [];
  for (const name of variables) {
    const direct = source[name];
    const file = secretVariables.has(name) ? source[`${name}_FILE`] : undefined;
    if (direct && file) {
      problems.push(`${name} and ${name}_FILE are both set; keep one of them.`);
    } else if (direct) {
      env[name] = direct;
    } else if (file) {
      try {
        env[name] = readFileSync(file, 'utf8').trim();
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
        problems.push(`${name}_FILE points to ${file}, which cannot be read (${code}).`);
      }
    }
  }
  return { env, problems };
}
