/** RFC 6749 names plus Bitbucket's sentences (bitbucket-api §1.4). */
export class GrantError extends Error {
  override name = 'GrantError';
  readonly error: string;
  /** null: the status that `token_error_status` says. */
  readonly status: number | null;

  constructor(error: string, description: string, status: number | null = 400) {
    super(description);
    this.error = error;
    this.status = status;
  }
}

export function unauthorizedClient(): GrantError {
  const text = 'Requests must be authenticated using OAuth client credentials';
  return new GrantError('unauthorized_client', text, null);
}
