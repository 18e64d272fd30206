import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

export const appId = '11111111-2222-4333-8444-555555555555';
export const appAri = `ari:cloud:ecosystem::app/${appId}`;
export const installationId = '4e4e4e4e-0000-4000-8000-000000000042';
export const workspaceUuid = '{0f0f0f0f-1111-4222-8333-444444444444}';
export const environmentId = '66666666-0000-4000-8000-000000000000';

export interface Signer {
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
}

export async function newSigner(kid: string): Promise<Signer> {
  return { kid, ...(await generateKeyPair('RS256', { extractable: true })) };
}

/** As Atlassian's address does, and counts who asks. */
export async function serveKeys(signers: readonly Signer[]) {
  const state = { signers: [...signers], fetches: 0, status: 200 };
  const publicKeys = async (): Promise<JWK[]> =>
    Promise.all(
      state.signers.map(async ({ kid, publicKey }) => ({
        ...(await exportJWK(publicKey)),
        ...{ kid, alg: 'RS256', use: 'sig' },
      })),
    );
  const server = createServer((_request, response) => {
    state.fetches += 1;
    void publicKeys().then((keys) => {
      response.writeHead(state.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    state,
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}/jwks.json`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export function claims(now: number, overrides: Record<string, unknown> = {}) {
  const iat = Math.floor(now / 1000);
  return {
    iss: 'forge/invocation-token',
    aud: appAri,
    iat,
    nbf: iat,
    exp: iat + 25,
    jti: 'd1d1',
    app: app(),
    ...overrides,
  };
}

export function app(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  const id = `ari:cloud:ecosystem::installation/${installationId}`;
  return {
    id: appAri,
    installationId: id,
    installation: {
      id,
      contexts: [{ name: 'bitbucket', workspaceId: workspaceUuid.replace(/[{}]/g, '') }],
    },
    environment: {
      type: 'PRODUCTION',
      id: `ari:cloud:ecosystem::environment/${appId}/${environmentId}`,
    },
    ...overrides,
  };
}

export function signed(
  signer: Signer,
  payload: Record<string, unknown>,
  kid = signer.kid,
): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid }).sign(signer.privateKey);
}

/** HS256 with the public key as its secret: what careless libraries take for RS256. */
export async function confused(signer: Signer, payload: Record<string, unknown>): Promise<string> {
  const secret = new TextEncoder().encode(await exportSPKI(signer.publicKey));
  return new SignJWT(payload).setProtectedHeader({ alg: 'HS256', kid: signer.kid }).sign(secret);
}

export function unsigned(signer: Signer, payload: Record<string, unknown>): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none', kid: signer.kid })}.${part(payload)}.${part({})}`;
}
