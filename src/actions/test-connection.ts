import { InputError } from '../core/errors.js';
import { noteBrokenConnection, noteRepairedConnection } from './deploy-notices.js';
import type { ConnectionDeps } from './save-connection.js';
import { accountOf, repaired } from './save-connection.js';
import { openConnection } from './open-target.js';

export interface ConnectionTested {
  ok: boolean;
  /** A sentence for the person who asked. */
  says: string;
}

const testTimeoutMs = 15_000;

/** Asks the backend whether the stored credential still works, and notes the answer. Throws `InputError('connection_unknown')`. */
export async function testConnection(
  input: { connectionId: string; workspaceUuid: string; by: { name: string } },
  deps: ConnectionDeps,
): Promise<ConnectionTested> {
  const connection = await deps.storage.read.connections.byId(input.connectionId);
  if (connection?.workspaceUuid !== input.workspaceUuid) throw new InputError('connection_unknown');
  const { backend, account } = accountOf(connection.backend, deps);
  const beganAt = deps.clock();
  const opened = openConnection(connection, deps.vault);
  const test = await account.test(opened, AbortSignal.timeout(testTimeoutMs));
  const now = deps.clock();
  const reason = test.ok ? '' : test.problems.map(({ message }) => message).join(' ');
  await deps.storage.write(async (tx) => {
    if (test.ok) {
      // Saved by somebody else meanwhile: then their test counts.
      // What people edit is as it was: a form that is open meanwhile can still be saved.
      const { id, version } = connection;
      await tx.connections.update(id, version, { ...repaired(test, now), version });
      await noteRepairedConnection(tx, connection.id, now);
      const users = await tx.targets.usingConnection(connection.id);
      if (connection.state === 'broken')
        await tx.lanes.wake(
          users.map(({ id }) => id),
          now,
        );
    } else if (test.refused) {
      const facts = { reason, now, testedBefore: beganAt };
      const isNews = await tx.connections.markBroken(connection.id, facts);
      if (isNews) await noteBrokenConnection(tx, connection.id, reason, deps);
    }
  });
  if (test.ok) deps.waker.wake();
  deps.logger.info(
    { connection: connection.id, ok: test.ok, by: input.by.name },
    'connection.tested',
  );
  if (!test.ok) return { ok: false, says: reason };
  const whose = test.account === null ? '' : ` It belongs to ${test.account}.`;
  return { ok: true, says: `${backend.label} accepts it.${whose}` };
}
