import assert from 'node:assert/strict';

import { call, textAt, type Answer, type Bench } from './support.js';

export interface Consumer {
  key: string;
  secret: string;
}

export const callbackUrl = 'http://127.0.0.1:3000/oauth/callback';

export function makeConsumer(bench: Bench, changes: object = {}): Promise<Consumer> {
  return bench.control('POST', 'consumers', {
    workspace: 'acme',
    name: 'Deployer',
    callback_url: callbackUrl,
    scopes: 'account repository webhook',
    ...changes,
  });
}

export function tokenRequest(
  bench: Bench,
  consumer: Consumer | null,
  form: Record<string, string>,
): Promise<Answer> {
  const pair = consumer && Buffer.from(`${consumer.key}:${consumer.secret}`).toString('base64');
  return call(`${bench.url}/site/oauth2/access_token`, {
    method: 'POST',
    headers: pair === null ? {} : { Authorization: `Basic ${pair}` },
    body: new URLSearchParams(form),
  });
}

/** A browser in which somebody is signed in. */
export class Browser {
  private readonly bench: Bench;
  private cookie = '';

  constructor(bench: Bench) {
    this.bench = bench;
  }

  async signIn(nickname: string): Promise<this> {
    const answer = await call(`${this.bench.url}/?as=${nickname}`);
    this.cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    assert.notEqual(this.cookie, '');
    return this;
  }

  open(query: Record<string, string>): Promise<Answer> {
    const search = new URLSearchParams(query);
    return call(`${this.bench.url}/site/oauth2/authorize?${search.toString()}`, {
      headers: { Cookie: this.cookie },
    });
  }

  send(page: Answer, decision: 'grant' | 'deny'): Promise<Answer> {
    const request = /name="request" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    return call(`${this.bench.url}/site/oauth2/authorize`, {
      method: 'POST',
      headers: { Cookie: this.cookie },
      body: new URLSearchParams({ request, decision }),
    });
  }

  /** The callback's query after a click on "Grant access". */
  async grant(query: Record<string, string>): Promise<URLSearchParams> {
    const page = await this.open(query);
    assert.equal(page.status, 200, page.text);
    const answer = await this.send(page, 'grant');
    assert.equal(answer.status, 302, answer.text);
    return new URL(answer.headers.get('location') ?? '').searchParams;
  }
}

/** Signs somebody in to a consumer; the token endpoint's answer. */
export async function signIn(
  bench: Bench,
  consumer: Consumer,
  nickname = 'ada',
): Promise<{ access: string; refresh: string; answer: Answer }> {
  const browser = await new Browser(bench).signIn(nickname);
  const query = await browser.grant({ client_id: consumer.key, response_type: 'code' });
  const form = { grant_type: 'authorization_code', code: query.get('code') ?? '' };
  const answer = await tokenRequest(bench, consumer, form);
  assert.equal(answer.status, 200, answer.text);
  return {
    access: textAt(answer.json, 'access_token'),
    refresh: textAt(answer.json, 'refresh_token'),
    answer,
  };
}

export function refresh(bench: Bench, consumer: Consumer, token: string): Promise<Answer> {
  return tokenRequest(bench, consumer, { grant_type: 'refresh_token', refresh_token: token });
}
