import { queryStringHash } from '../../../src/sandbox/connect/qsh.js';
import { signJwt } from '../../../src/sandbox/connect/jwt.js';

export interface Signer {
  clientKey: string;
  secret: string;
}

/** A token as Bitbucket makes it for one request, by the sandbox's own code; `changed` wins over every claim. */
export function connectToken(
  signer: Signer,
  method: string,
  path: string,
  changed: Record<string, string | number | string[]> = {},
): string {
  const iat = Math.floor(Date.now() / 1000);
  const { clientKey, secret } = signer;
  const claims = { iss: clientKey, aud: clientKey, iat, exp: iat + 180 };
  return signJwt({ ...claims, qsh: queryStringHash(method, path), ...changed }, secret);
}
