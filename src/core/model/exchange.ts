/** One HTTP call of a backend, as it is kept with its attempt: cut, without query, and with every known secret blotted out. */
export interface KeptExchange {
  /** Unix ms. */
  at: number;
  /** To the end of the answer, or to the moment it was given up. */
  ms: number;
  method: string;
  /** Scheme, host and path; a query may hold secrets and is left out. */
  address: string;
  /** Lower-case names; only those that are known to be harmless. */
  requestHeaders: Record<string, string>;
  /** The first 2 kB. */
  requestBody: string | null;
  /** Null: no answer came. */
  status: number | null;
  responseHeaders: Record<string, string>;
  /** The first 2 kB. */
  responseBody: string | null;
  /** Why there was no answer. */
  failure: string | null;
}
