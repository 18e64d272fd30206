import type { JsonObject } from '../json.js';

/** The envelope of bitbucket-api §3.3. */
export class RestError extends Error {
  override name = 'RestError';
  readonly status: number;
  readonly extra: JsonObject;
  /** Some errors repeat their data beside `error`. */
  readonly topLevel: JsonObject;
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    message: string,
    options: { extra?: JsonObject; topLevel?: JsonObject; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.status = status;
    this.extra = options.extra ?? {};
    this.topLevel = options.topLevel ?? {};
    this.headers = options.headers ?? {};
  }

  get body(): JsonObject {
    return { type: 'error', error: { message: this.message, ...this.extra }, ...this.topLevel };
  }
}

/** What anonymous callers and git clients get for what they may not see. */
export const noAccessText =
  'You may not have access to this repository or it no longer exists in this workspace. ' +
  'If you think this repository exists and you have access, make sure you are authenticated.';

export function repositoryNotFound(workspace: string, slug: string): RestError {
  return new RestError(404, `Repository ${workspace}/${slug} not found`);
}

export function workspaceNotFound(identifier: string): RestError {
  return new RestError(404, `No workspace with identifier '${identifier}'.`);
}

export function commitNotFound(revision: string): RestError {
  const data = { shas: [revision] };
  return new RestError(404, 'Commit not found', { extra: { data }, topLevel: { data } });
}

export function missingScopes(granted: readonly string[], required: readonly string[]): RestError {
  const detail = { granted: [...granted], required: [...required] };
  return new RestError(403, 'Your credentials lack one or more required privilege scopes.', {
    extra: { detail },
  });
}

export function invalidFields(fields: Record<string, string[]>): RestError {
  const [name = '', texts = []] = Object.entries(fields)[0] ?? [];
  return new RestError(400, `${name}: ${texts[0] ?? 'is not valid'}`, { extra: { fields } });
}
