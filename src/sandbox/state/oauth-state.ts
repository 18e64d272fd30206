import type {
  AuthorizationCode,
  OAuthConsumer,
  OAuthGrant,
  RefreshToken,
  SandboxData,
} from './model.js';

/** Consumers, what people allowed them, and what they got for it. */
export class OAuthState {
  private readonly data: () => SandboxData;
  private readonly changed: () => void;

  constructor(data: () => SandboxData, changed: () => void) {
    this.data = data;
    this.changed = changed;
  }

  get consumers(): OAuthConsumer[] {
    return Object.values(this.data().consumers);
  }

  get grants(): OAuthGrant[] {
    return Object.values(this.data().grants);
  }

  consumer(key: string): OAuthConsumer | undefined {
    return own(this.data().consumers, key);
  }

  putConsumer(consumer: OAuthConsumer): void {
    this.data().consumers[consumer.key] = consumer;
    this.changed();
  }

  /** Everything it ever got dies with it. */
  removeConsumer(key: string): void {
    delete this.data().consumers[key];
    this.revokeGrants((grant) => grant.consumer_key === key);
    for (const token of Object.values(this.data().tokens)) {
      if (token.consumer_key === key) token.revoked = true;
    }
    this.changed();
  }

  grant(id: string): OAuthGrant | undefined {
    return own(this.data().grants, id);
  }

  /** One for each person and consumer; allowing again renews it. */
  putGrant(grant: OAuthGrant): void {
    this.data().grants[grant.id] = grant;
    this.changed();
  }

  grantOf(consumerKey: string, userUuid: string): OAuthGrant | undefined {
    return this.grants.find(
      (g) => g.consumer_key === consumerKey && g.user_uuid === userUuid && !g.revoked,
    );
  }

  /** Access tokens die at once, and refreshing fails from now on. */
  revokeGrants(matches: (grant: OAuthGrant) => boolean): number {
    const found = this.grants.filter((grant) => !grant.revoked && matches(grant));
    for (const grant of found) grant.revoked = true;
    const ids = new Set(found.map((grant) => grant.id));
    for (const token of Object.values(this.data().tokens)) {
      if (token.grant_id !== undefined && ids.has(token.grant_id)) token.revoked = true;
    }
    this.changed();
    return found.length;
  }

  code(value: string): AuthorizationCode | undefined {
    return own(this.data().codes, value);
  }

  putCode(value: string, code: AuthorizationCode): void {
    this.data().codes[value] = code;
    this.changed();
  }

  refreshToken(value: string): RefreshToken | undefined {
    return own(this.data().refresh_tokens, value);
  }

  putRefreshToken(value: string, token: RefreshToken): void {
    this.data().refresh_tokens[value] = token;
    this.changed();
  }
}

function own<T>(record: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
