import { z } from 'zod';
import type {
  BackendAccount,
  BackendCapabilities,
  ConnectionTest,
  FieldMeta,
} from '../../src/core/backend.js';
import { FakeBackend } from './fake-backend.js';

/** A backend with accounts that builds whatever its fixed branch points at; answers as the test says. */
export class AccountBackend extends FakeBackend {
  override readonly id = 'account';
  override readonly label = 'Skyport';
  override readonly capabilities: BackendCapabilities = {
    commit: 'head',
    branch: 'fixed',
    lookup: true,
    idempotent: false,
    cancel: true,
    rollback: true,
    logs: false,
    tags: false,
  };
  onTest: ConnectionTest = { ok: true, account: 'ada@example.com', expiresAt: null };
  readonly testedTokens: unknown[] = [];
  readonly account: BackendAccount = {
    settings: z.object({
      token: z
        .string('Paste the token.')
        .min(8, 'At least 8 characters.')
        .meta({ label: 'Token', secret: true } satisfies FieldMeta),
    }),
    help: 'Made at Skyport.',
    test: ({ secrets }) => {
      this.testedTokens.push(secrets['token']);
      return Promise.resolve(this.onTest);
    },
  };
}
