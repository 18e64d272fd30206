import type { CloneCredential, TriggerRequest } from '../../../../src/core/backend.js';
import { gitUser, type GitServer } from './git-server.js';

/** Hands out the given passwords first and the right one after them; remembers how it was asked. */
export class CredentialLog {
  readonly asked: ({ refused?: readonly CloneCredential[] } | undefined)[] = [];
  readonly #git: GitServer;
  readonly #passwords: string[];

  constructor(git: GitServer, passwords: string[]) {
    this.#git = git;
    this.#passwords = passwords;
  }

  patch(): Partial<TriggerRequest> {
    return {
      cloneCredential: (options) => {
        // A copy: whoever asks goes on with the list.
        this.asked.push(options?.refused ? { refused: [...options.refused] } : undefined);
        return Promise.resolve({
          username: gitUser,
          password: this.#passwords.shift() ?? this.#git.password,
          expiresAt: Date.now() + 1000,
          kind: 'app',
          source: 'test',
          name: 'a test',
        });
      },
    };
  }
}
