import type { Installation, Source, Workspace } from '../../../src/core/model/index.js';
import type { Bitbucket, Logger, Storage, Transaction, Vault } from '../../../src/core/ports.js';
import { InfrastructureError } from '../../../src/core/errors.js';
import { installationSecretIdentity } from '../../../src/actions/installation-secret.js';

export const workspaceUuid = '{7d3f0c52-1111-4a2b-9c3d-0123456789ab}';
export const clientKey = `ari:cloud:bitbucket::app/${workspaceUuid}/slipway`;
export const secret = 'the-shared-secret-of-acme';

/** Installations, sources and workspaces in memory; the rest of the ports is not there. */
export class MemoryStorage {
  readonly installations = new Map<string, Installation>();
  readonly sources = new Map<string, Source>();
  readonly workspaces = new Map<string, Workspace>();
  /** Calls of `installations.find`. */
  reads = 0;
  fails = false;
  #lastWrite: Promise<unknown> = Promise.resolve();

  readonly #reads = {
    find: (_door: string, key: string) => {
      this.reads += 1;
      return this.fails
        ? Promise.reject(new InfrastructureError('storage_unavailable'))
        : Promise.resolve(this.installations.get(key) ?? null);
    },
    ofWorkspace: (uuid: string) =>
      Promise.resolve(
        [...this.installations.values()].filter(
          (one) => one.workspaceUuid === uuid && one.state === 'active',
        ),
      ),
    source: (_door: string, key: string) => Promise.resolve(this.sources.get(key) ?? null),
  };

  get storage(): Storage {
    const tx = {
      installations: {
        ...this.#reads,
        save: (one: Installation) =>
          Promise.resolve(void this.installations.set(one.externalId, one)),
        saveSource: (source: Source) => Promise.resolve(void this.sources.set(source.key, source)),
      },
      repositories: {
        saveWorkspace: (one: Workspace) => Promise.resolve(void this.workspaces.set(one.uuid, one)),
      },
    };
    const storage = {
      read: { installations: this.#reads },
      // One writer at a time, as the port's transactions promise.
      write: <T>(work: (given: Transaction) => Promise<T>): Promise<T> => {
        if (this.fails) return Promise.reject(new InfrastructureError('storage_unavailable'));
        const done = this.#lastWrite.then(() => work(tx as unknown as Transaction));
        this.#lastWrite = done.catch(() => undefined);
        return done;
      },
    };
    return storage as unknown as Storage;
  }

  /** As `install-app` leaves it. */
  put(changed: Partial<Installation> = {}, sharedSecret = secret): Installation {
    const id = changed.id ?? `i${this.installations.size + 1}`;
    const one: Installation = {
      id,
      door: 'connect',
      externalId: clientKey,
      workspaceUuid,
      state: 'active',
      secretSealed: fakeVault.seal(sharedSecret, installationSecretIdentity(id)),
      installedBy: 'Sam Dev',
      createdAt: 1,
      updatedAt: 1,
      ...changed,
    };
    this.installations.set(one.externalId, one);
    this.sources.set(one.externalId, {
      id: `s-${one.id}`,
      door: 'connect',
      key: one.externalId,
      installationId: one.id,
      createdAt: 1,
    });
    return one;
  }

  secretOf(key: string): string | null {
    const one = this.installations.get(key);
    if (!one?.secretSealed) return null;
    return fakeVault.open(one.secretSealed, installationSecretIdentity(one.id));
  }
}

/** Not a secret keeper, but it does insist on the right identity. */
export const fakeVault: Vault = {
  seal: (plaintext, identity) => JSON.stringify([identity, [...plaintext].reverse().join('')]),
  open: (sealed, identity) => {
    const [sealedFor, reversed] = JSON.parse(sealed) as [string, string];
    if (sealedFor !== identity) throw new InfrastructureError('vault_tampered', identity);
    return [...reversed].reverse().join('');
  },
};

/** Keeps what was logged, as text, to look for what must not be there. */
export class RecordingLogger implements Logger {
  readonly lines: string[] = [];
  readonly #note =
    (level: string) =>
    (fields: object, message: string): void => {
      this.lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
  readonly debug = this.#note('debug');
  readonly info = this.#note('info');
  readonly warn = this.#note('warn');
  readonly error = this.#note('error');
  child(): Logger {
    return this;
  }
  get text(): string {
    return this.lines.join('\n');
  }
}

/** Answers `proveInstallation` as told. */
export class FakeProver {
  readonly asked: { clientKey: string; sharedSecret: string; workspaceUuid: string }[] = [];
  answer: () => Promise<{ slug: string | null; name: string | null }> = () =>
    Promise.resolve({ slug: 'acme-inc', name: 'Acme Inc' });
  readonly bitbucket: Pick<Bitbucket, 'proveInstallation'> = {
    proveInstallation: async (proof) => {
      this.asked.push(proof);
      return this.answer();
    },
  };
}
