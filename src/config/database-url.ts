/** Where the database is: what may be shown of `DATABASE_URL`. The whole of it, with its password, is a secret. */
export type DatabaseAddress =
  { kind: 'sqlite' } | { kind: 'postgres'; host: string; port: number; name: string };

const example = 'postgres://slipway:password@db.example.com:5432/slipway';

/**
 * The value itself is never repeated: it holds a password.
 *
 * @returns a sentence that begins with the variable's name when it cannot be used
 */
export function parseDatabaseUrl(text: string): DatabaseAddress | { problem: string } {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !['postgres:', 'postgresql:'].includes(url.protocol)) {
    return { problem: `DATABASE_URL must look like ${example}. Leave it out to use SQLite.` };
  }
  // A socket of this machine is named as `?host=/run/postgresql`.
  const host = url.searchParams.get('host') ?? decoded(url.hostname);
  const name = decoded(url.pathname.slice(1));
  if (host === '') return { problem: `DATABASE_URL names no host. It must look like ${example}.` };
  if (name === '' || name.includes('/')) {
    return { problem: `DATABASE_URL names no database. It must look like ${example}.` };
  }
  return { kind: 'postgres', host, port: url.port === '' ? 5432 : Number(url.port), name };
}

/** For people: never with user or password. */
export function databaseInWords(address: DatabaseAddress, dataDir: string): string {
  return address.kind === 'sqlite'
    ? `SQLite in ${dataDir}`
    : `PostgreSQL at ${address.host}:${address.port}, database ${address.name}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
