import { BitbucketError } from '../core/errors.js';
import type { Clock } from '../core/ports.js';
import type { IssuedToken, TokenSource } from './tokens.js';

export interface ForgeTokenOptions {
  /** The longest-lived system token of the workspace's Forge installations; null: none of them has any. */
  find(workspaceUuid: string): Promise<IssuedToken | null>;
  /** Whether the workspace has Forge installed at all. */
  isInstalled(workspaceUuid: string): Promise<boolean>;
  clock: Clock;
  /** A token with less left than this is not used. */
  marginMs: number;
}

/**
 * System tokens cannot be asked for: Forge brings one with every call, at the latest with its hourly one
 * (reference/bitbucket-forge.md §4.1). One that is too old is a reason to wait, not to give up.
 */
export function createForgeSource(options: ForgeTokenOptions): TokenSource {
  return {
    id: 'forge',
    kind: 'app',
    name: 'the app of the workspace (Forge)',
    // What is stored is always the newest; a copy of our own would only age beside it.
    keeps: true,
    issue: async ({ workspaceUuid }) => {
      const token = await options.find(workspaceUuid);
      if (token && token.expiresAt - options.clock() > options.marginMs) return token;
      if (!token && !(await options.isInstalled(workspaceUuid))) return null;
      throw new BitbucketError('forge_token_awaited', 'the last one that Forge brought is too old');
    },
  };
}
