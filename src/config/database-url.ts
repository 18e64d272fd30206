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
  const problem = tlsProblem(url.searchParams);
  if (problem) return { problem };
  return { kind: 'postgres', host, port: url.port === '' ? 5432 : Number(url.port), name };
}

/**
 * Without `sslmode` nothing is encrypted. What is refused would be weaker than its name: `allow` and `prefer` go on without
 * encryption where somebody in between wants it so, and `verify-ca` by the public authorities trusts everybody.
 */
const sslModes = ['disable', 'require', 'verify-ca', 'verify-full'];

function tlsProblem(query: URLSearchParams): string | null {
  const mode = query.get('sslmode');
  const root = query.get('sslrootcert');
  if (mode !== null && !sslModes.includes(mode)) {
    return `DATABASE_URL has an sslmode that Slipway does not take. It may be ${sslModes.join(', ')}; best is verify-full.`;
  }
  if (mode === 'verify-ca' && (root ?? systemRoots) === systemRoots) {
    return 'DATABASE_URL says sslmode=verify-ca without the authority: add sslrootcert=/path/ca.pem, or say verify-full.';
  }
  if (root !== null && mode === null) {
    return 'DATABASE_URL names an sslrootcert without an sslmode. Add sslmode=verify-full.';
  }
  return null;
}

/** What `sslrootcert` says to mean the authorities that Node itself trusts. */
const systemRoots = 'system';

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
