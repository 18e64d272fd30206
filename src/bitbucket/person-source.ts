import { AccessError } from '../core/errors.js';
import type { PersonTokens } from '../core/people.js';
import type { TokenSource } from './tokens.js';

/** The last resort: what people who enabled a repository allowed us. It depends on them, so everything else goes before. */
export function createPersonSource(options: {
  tokens: PersonTokens;
  /** Of those who enabled it, the ones whose grant is good first. */
  enablersOf(repositoryUuid: string): Promise<readonly string[]>;
}): TokenSource {
  return {
    id: 'person',
    kind: 'oauth',
    name: 'the connection of the person who enabled this repository',
    keeps: true,
    perRepository: true,
    async issue({ repositoryUuid }, { unlike } = {}) {
      if (repositoryUuid === null) return null;
      const [first] = await options.enablersOf(repositoryUuid);
      if (first === undefined) return null;
      try {
        const asked = unlike === undefined ? {} : { unlike };
        const { value, expiresAt } = await options.tokens.token(first, asked);
        return { value, expiresAt, holder: first };
      } catch (error) {
        if (error instanceof AccessError && error.code === 'oauth_grant_missing') return null;
        throw error;
      }
    },
  };
}
