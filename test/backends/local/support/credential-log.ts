import type { TriggerRequest } from '../../../../src/core/backend.js';
import { gitUser, type GitServer } from './git-server.js';

/** Hands out the given passwords first and the right one after them; remembers how it was asked. */
export class CredentialLog {
  readonly asked: ({ fresh?: boolean } | undefined)[] = [];
  readonly #git: GitServer;
  readonly #passwords: string[];

  constructor(git: GitServer, passwords: string[]) {
    this.#git = git;
    this.#passwords = passwords;
  }

  patch(): Partial<TriggerRequest> {
    return {
      cloneCredential: (options) => {
        this.asked.push(options);
        return Promise.resolve({
          username: gitUser,
          password: this.#passwords.shift() ?? this.#git.password,
          expiresAt: Date.now() + 1000,
          kind: 'app',
        });
      },
    };
  }
}
