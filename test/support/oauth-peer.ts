import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PeerUser {
  uuid: string;
  display_name: string;
}

interface Grant {
  user: PeerUser;
  revoked: boolean;
}

export const ada: PeerUser = {
  uuid: '{aaaaaaaa-0000-4000-8000-00000000000a}',
  display_name: 'Ada Example',
};
export const bob: PeerUser = {
  uuid: '{bbbbbbbb-0000-4000-8000-00000000000b}',
  display_name: 'Bob Example',
};

const graceMs = 10 * 60_000;

/**
 * Bitbucket's OAuth endpoints and `GET /2.0/user` on one real port, written from reference/bitbucket-api.md §1.2 to §1.5: codes
 * that work once, refresh tokens that rotate with ten minutes of grace, tokens of 3,000 characters. PKCE is enforced.
 */
export class OAuthPeer {
  readonly clientId = 'consumer-key';
  clientSecret = 'consumer-secret=with&odd characters';
  user: PeerUser = ada;
  scopes = 'account repository webhook';
  scopeKey: 'scope' | 'scopes' = 'scope';
  tokenLifetimeSec = 7200;
  refusesUser = false;
  /** The old backend: no new refresh token, the first one stays good. */
  rotates = true;
  /** Answers this instead, once each. */
  readonly failNext: {
    status: number;
    body: string;
    type?: string;
    headers?: Record<string, string>;
  }[] = [];
  /** Called before each answer of the token endpoint. */
  beforeToken: () => Promise<void> | void = () => undefined;
  /** Every access and refresh token that was handed out. */
  readonly issued: string[] = [];
  readonly calls: { grant: string; status: number }[] = [];
  clock: () => number = Date.now;
  url = '';
  readonly #codes = new Map<string, { user: PeerUser; challenge: string; redirectUri: string }>();
  readonly #access = new Map<string, { grant: Grant | null; until: number }>();
  readonly #refresh = new Map<string, { grant: Grant; usedAt: number | null }>();
  readonly #grants: Grant[] = [];
  readonly #server = http.createServer((request, response) => void this.#serve(request, response));

  async start(): Promise<this> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** The person clicked "Grant access" on the page behind this address: where the browser is sent. */
  allow(authorizeUrl: string): string {
    const asked = new URL(authorizeUrl).searchParams;
    const code = randomBytes(9).toString('base64url');
    this.#codes.set(code, {
      user: this.user,
      challenge: asked.get('code_challenge') ?? '',
      redirectUri: asked.get('redirect_uri') ?? '',
    });
    return `${asked.get('redirect_uri')}?${new URLSearchParams({ code, state: asked.get('state') ?? '' }).toString()}`;
  }

  deny(authorizeUrl: string): string {
    const asked = new URL(authorizeUrl).searchParams;
    const answer = {
      error: 'access_denied',
      error_description: 'No',
      state: asked.get('state') ?? '',
    };
    return `${asked.get('redirect_uri')}?${new URLSearchParams(answer).toString()}`;
  }

  /** What "App authorizations → Revoke" does. */
  revokeAll(): void {
    for (const grant of this.#grants) grant.revoked = true;
  }

  isGood(accessToken: string): boolean {
    const known = this.#access.get(accessToken);
    return known !== undefined && known.until > this.clock() && known.grant?.revoked !== true;
  }

  count(grant: string): number {
    return this.calls.filter((call) => call.grant === grant && call.status === 200).length;
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    if (request.url === '/site/oauth2/access_token') {
      await this.beforeToken();
      const form = new URLSearchParams(body);
      const fail = this.failNext.shift();
      const [status, answer] = fail ? [fail.status, fail.body] : this.#token(request, form);
      this.calls.push({ grant: form.get('grant_type') ?? '', status });
      const type = fail?.type ?? 'application/json';
      response.writeHead(status, { 'content-type': type, ...fail?.headers });
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
      return;
    }
    const bearer = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    const known = this.#access.get(bearer);
    if (!known || !this.isGood(bearer)) return json(response, 401, error('Token is invalid'));
    if (this.refusesUser)
      return json(response, 403, error('lack one or more required privilege scopes'));
    if ((request.url ?? '').startsWith('/2.0/user'))
      return json(response, 200, known.grant?.user ?? {});
    json(response, 404, error('not found'));
  }

  #token(request: http.IncomingMessage, form: URLSearchParams): [number, object] {
    const basic = Buffer.from(`${this.clientId}:${this.clientSecret}`).toString('base64');
    if (request.headers.authorization !== `Basic ${basic}`) {
      const words = 'Requests must be authenticated using OAuth client credentials';
      return [401, { error_description: words, error: 'unauthorized_client' }];
    }
    switch (form.get('grant_type')) {
      case 'authorization_code':
        return this.#redeem(form);
      case 'refresh_token':
        return this.#renew(form.get('refresh_token') ?? '');
      case 'client_credentials':
        return [200, this.#issue(null)];
      default:
        return [400, { error: 'invalid_grant', error_description: 'Unsupported grant type: None' }];
    }
  }

  #redeem(form: URLSearchParams): [number, object] {
    const code = form.get('code') ?? '';
    const known = this.#codes.get(code);
    this.#codes.delete(code);
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (!known || known.challenge !== challenge || known.redirectUri !== form.get('redirect_uri')) {
      return [
        400,
        { error: 'invalid_grant', error_description: 'The specified code is not valid.' },
      ];
    }
    const grant = { user: known.user, revoked: false };
    this.#grants.push(grant);
    return [200, { ...this.#issue(grant), refresh_token: this.#newRefresh(grant) }];
  }

  #renew(refreshToken: string): [number, object] {
    const known = this.#refresh.get(refreshToken);
    const isOld = (known?.usedAt ?? Infinity) + graceMs < this.clock();
    if (!known || known.grant.revoked || isOld) {
      return [400, { error: 'invalid_request', error_description: 'Invalid refresh_token' }];
    }
    const answer = this.#issue(known.grant);
    if (!this.rotates) return [200, answer];
    known.usedAt ??= this.clock();
    return [200, { ...answer, refresh_token: this.#newRefresh(known.grant) }];
  }

  #issue(grant: Grant | null): object {
    const token = `at_${randomBytes(2_240).toString('base64url')}`;
    this.issued.push(token);
    this.#access.set(token, { grant, until: this.clock() + this.tokenLifetimeSec * 1000 });
    return {
      access_token: token,
      [this.scopeKey]: this.scopes,
      expires_in: this.tokenLifetimeSec,
      token_type: 'bearer',
    };
  }

  #newRefresh(grant: Grant): string {
    const token = `rt_${randomBytes(2_240).toString('base64url')}`;
    this.issued.push(token);
    this.#refresh.set(token, { grant, usedAt: null });
    return token;
  }
}

function error(message: string): object {
  return { type: 'error', error: { message } };
}

function json(response: http.ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
