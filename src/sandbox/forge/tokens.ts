import { randomBytes } from 'node:crypto';

import type { AccessToken, User } from '../state/model.js';
import type { World } from '../world.js';
import type { ForgeInstallation } from './model.js';

/**
 * The two OAuth tokens that ride along with a call (bitbucket-forge §4.1): JWTs by their looks, opaque but for `exp`. Forge
 * keeps the system token for a while; a call never brings one with less than half of its life left.
 */
export class ForgeTokens {
  private readonly world: () => World;
  private readonly kept = new Map<string, { value: string; expiresAt: number }>();

  constructor(world: () => World) {
    this.world = world;
  }

  system(installation: ForgeInstallation): string {
    const { clock, state } = this.world();
    const half = (state.settings.forge_token_lifetime_s * 1000) / 2;
    const known = this.kept.get(installation.id);
    if (known && known.expiresAt - clock.now() > half) return known.value;
    const { app_user_uuid: uuid, workspace_uuid } = installation;
    const app = { uuid, name: 'Slipway', workspace_uuid, origin: 'forge_app' as const };
    const made = this.issue(installation, { kind: 'app', app });
    this.kept.set(installation.id, made);
    return made.value;
  }

  user(installation: ForgeInstallation, user: User): string {
    return this.issue(installation, { kind: 'user', user_uuid: user.uuid }).value;
  }

  forget(installation: ForgeInstallation): void {
    this.kept.delete(installation.id);
    this.world().state.revokeTokens(
      ({ owner }) => owner.kind === 'app' && owner.app.uuid === installation.app_user_uuid,
    );
  }

  private issue(
    installation: ForgeInstallation,
    owner: AccessToken['owner'],
  ): { value: string; expiresAt: number } {
    const { clock, state } = this.world();
    const lifetime = state.settings.forge_token_lifetime_s;
    const iat = clock.seconds();
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = part({ iat, exp: iat + lifetime, jti: randomBytes(9).toString('base64url') });
    const head = part({ typ: 'JWT', alg: 'RS256' });
    const value = `${head}.${claims}.${randomBytes(256).toString('base64url')}`;
    const expiresAt = (iat + lifetime) * 1000;
    const scopes = installation.scopes.filter((scope) => scope.endsWith(':bitbucket'));
    const facts = { scopes, repository_uuid: null, revoked: false };
    state.putToken(value, { ...facts, owner, issued_at: clock.now(), expires_at: expiresAt });
    return { value, expiresAt };
  }
}
