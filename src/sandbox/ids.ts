import { randomBytes, randomUUID } from 'node:crypto';

/** Bitbucket writes uuids in braces everywhere but in webhook headers (bitbucket-api §5.1). */
export function newUuid(): string {
  return `{${randomUUID()}}`;
}

export function withoutBraces(uuid: string): string {
  return uuid.replace(/^\{|\}$/g, '');
}

export function newSecret(): string {
  return randomBytes(48).toString('base64url');
}

/**
 * The old token backend gave some eighty characters, the new one regularly more than 2,500
 * (bitbucket-api §0, row 4). The alphabet includes what breaks careless URL building.
 */
export function newTokenValue(long: boolean): string {
  return `${randomBytes(long ? 2247 : 63).toString('base64url')}.-_=`;
}

/** New consumers have a key of 32 and a secret of 76 characters, older ones 18 and 32 (§1.1). */
export function newConsumerKey(): string {
  return randomBytes(24).toString('base64url');
}

export function newConsumerSecret(): string {
  return randomBytes(57).toString('base64url');
}

export function newAccountId(): string {
  return `557058:${randomUUID()}`;
}
