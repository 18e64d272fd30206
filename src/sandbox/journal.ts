/** A request that the app (or anybody else) made to the API or the token endpoint. */
export interface Call {
  id: number;
  at: string;
  method: string;
  path: string;
  /** The query string, with credentials masked. */
  query: string;
  /** 0 when a fault cut the connection. */
  status: number;
  /** `bearer`, `jwt`, `basic`, `none` or another scheme's name; never the credential. */
  auth: string;
  /** `grant_type` of a token request. */
  grant: string | null;
  duration_ms: number;
  /** Set when a fault answered instead of Bitbucket. */
  fault: number | null;
}

export interface GitOperation {
  id: number;
  at: string;
  kind: 'advertise' | 'fetch' | 'push';
  repository: string;
  /** `token` (an app's access token), `user`, `anonymous` or `refused`. */
  user_kind: string;
  user: string | null;
  status: number;
}

const limit = 20_000;

/** What happened, for the control API. Bounded, and not kept over a restart. */
export class Journal {
  private nextId = 1;
  private callList: Call[] = [];
  private gitList: GitOperation[] = [];

  call(entry: Omit<Call, 'id'>): void {
    push(this.callList, { id: this.nextId++, ...entry });
  }

  gitOperation(entry: Omit<GitOperation, 'id'>): void {
    push(this.gitList, { id: this.nextId++, ...entry });
  }

  get calls(): readonly Call[] {
    return this.callList;
  }

  get gitOperations(): readonly GitOperation[] {
    return this.gitList;
  }

  clear(): void {
    this.callList = [];
    this.gitList = [];
  }
}

function push<T>(list: T[], entry: T): void {
  list.push(entry);
  if (list.length > limit) list.splice(0, list.length - limit);
}

const secretParameters = new Set([
  'jwt',
  'access_token',
  'client_secret',
  'code',
  'refresh_token',
  'code_verifier',
]);

/** The query string with the values of credentials replaced. */
export function maskQuery(query: URLSearchParams): string {
  const masked = new URLSearchParams();
  for (const [name, value] of query)
    masked.append(name, secretParameters.has(name) ? '***' : value);
  return masked.toString();
}

export function authKind(header: string | undefined): string {
  return header === undefined ? 'none' : (header.split(' ')[0] ?? '').toLowerCase();
}
