import { z } from 'zod';
import { retryDeployments, type RetryDeps, type RetryWish } from '../actions/retry-deployments.js';
import type { Finding } from '../core/diagnosis.js';
import { InputError } from '../core/errors.js';
import type { ControlCommand } from './control-socket.js';

const by = z.object({ name: z.string().min(1).max(200) });
const retryInput = z.union([
  z.object({ by, ids: z.array(z.string().max(64)).min(1).max(1_000) }),
  z.object({ by, failedSince: z.number(), targetId: z.string().max(64).optional() }),
]);

/** What the operator's commands may ask of the running server. */
export function controlCommands(
  deps: RetryDeps,
  diagnose: () => Promise<readonly Finding[]>,
  rotateKeys: (keys: readonly string[]) => Promise<unknown>,
): Record<string, ControlCommand> {
  return {
    'rotate-keys': (input) => {
      const read = z.object({ keys: z.array(z.string().max(200)).max(10) }).safeParse(input);
      // What was sent is not repeated: it may be keys.
      if (!read.success) throw new InputError('keys_unreadable');
      return rotateKeys(read.data.keys);
    },
    doctor: () => diagnose(),
    retry: (input) => {
      const read = retryInput.safeParse(input);
      if (!read.success) throw new InputError('body_unreadable', z.prettifyError(read.error));
      return retryDeployments(read.data as RetryWish, deps);
    },
  };
}
