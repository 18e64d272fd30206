import { ConfigError, InfrastructureError } from '../../core/errors.js';
import { codeOf, connectionLost, isDatabaseFailure, named } from './errors.js';

const help = 'See docs/postgresql.md.';

/**
 * Why there is no connection, for operators: `ConfigError` where waiting mends nothing, and
 * `InfrastructureError('storage_unavailable')` where it may. Never with user or password, but for what the server says itself.
 *
 * @param error from the driver
 */
export function refusal(error: unknown): ConfigError | InfrastructureError {
  if (error instanceof ConfigError) return error;
  const said = named(error);
  const problem = said.code === connectionLost ? tlsProblem(said) : serverProblem(said);
  return problem === null
    ? new InfrastructureError('storage_unavailable', absence(said), { cause: said })
    : new ConfigError([problem]);
}

/** By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function serverProblem({ code, message }: Error & { code: string }): string | null {
  if (code === '3D000') return 'The database that DATABASE_URL names does not exist. Create it.';
  if (code === '28000' && message.includes('pg_hba.conf')) {
    const advice = /no encryption|SSL off/.test(message)
      ? `Where it wants TLS, add sslmode=verify-full to DATABASE_URL. ${help}`
      : 'Allow it there.';
    return `PostgreSQL lets this user not in from here: ${message}. ${advice}`;
  }
  if (code.startsWith('28')) return 'PostgreSQL refuses the user or password in DATABASE_URL.';
  return isDatabaseFailure(code) ? null : `PostgreSQL refuses the connection (${message}).`;
}

/** By what Node says of certificates: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
function tlsProblem(lost: Error): string | null {
  const code = codeOf(lost.cause);
  const message = lost.cause instanceof Error ? lost.cause.message : '';
  if (message.includes('does not support SSL')) {
    return `The server takes no TLS, and sslmode in DATABASE_URL wants it. Switch it on there (ssl = on). ${help}`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `PostgreSQL shows a certificate for another name (${message}). DATABASE_URL must name the server as its certificate does. ${help}`;
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return `The certificate of PostgreSQL is not valid today (${code}). Renew it, or set this machine's clock.`;
  }
  if (/^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CERT_|INVALID_CA|INVALID_PURPOSE)/.test(code)) {
    return `PostgreSQL shows a certificate that no authority known here has signed (${code}). Name the file of its authority: sslmode=verify-full&sslrootcert=/path/ca.pem in DATABASE_URL. ${help}`;
  }
  if (/^(ERR_SSL|ERR_OSSL|ERR_TLS|EPROTO)/.test(code) || /SSL|TLS/.test(message)) {
    return `No secure connection to PostgreSQL can be made (${message || code}). ${help}`;
  }
  return null;
}

const words = new Map([
  ['ECONNREFUSED', 'nothing listens there'],
  ['ENOENT', 'its socket is not there'],
  ['ENOTFOUND', 'its host cannot be found'],
  ['EAI_AGAIN', 'its host cannot be looked up'],
  ['EHOSTUNREACH', 'there is no way to its host'],
  ['ENETUNREACH', 'there is no way to its network'],
  ['ETIMEDOUT', 'it does not answer'],
]);

function absence(said: Error & { code: string }): string {
  if (said.code !== connectionLost) return `${said.message} (${said.code})`;
  const code = codeOf(said.cause);
  const known = words.get(code);
  return known === undefined ? said.message : `${known} (${code})`;
}
