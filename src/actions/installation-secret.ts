/**
 * What a Connect secret is sealed against: the row it belongs to, so that it cannot be moved to another one. Sealing and
 * opening must agree, so the words are here once.
 */
export function installationSecretIdentity(installationId: string): string {
  return `installations:${installationId}:secret`;
}
