import type { Measures } from '../core/measures.js';
import type { DeploymentState } from '../core/model/index.js';
import type { Transaction } from '../core/ports.js';
import type { OpenStorage } from '../storage/storage.js';

const ends: ReadonlySet<DeploymentState> = new Set([
  'live',
  'failed',
  'stopped',
  'superseded',
  'handed_off',
]);

type Note = (measures: Measures) => void;

/**
 * Counts how deployments and attempts end, wherever that is written. What a transaction notes counts only when it is
 * committed; where many are committed at once, when their part of it is done.
 */
export function countEnds(storage: OpenStorage, measures: Measures): OpenStorage {
  return {
    kind: storage.kind,
    read: storage.read,
    sealedBy: () => storage.sealedBy(),
    nodes: () => storage.nodes(),
    idle: () => storage.idle(),
    close: () => storage.close(),
    async write(work) {
      let notes: Note[] = [];
      const result = await storage.write((tx) => {
        notes = [];
        return work(noting(tx, notes));
      });
      for (const note of notes) note(measures);
      return result;
    },
    batched: (work) =>
      storage.batched(async (tx, items) => {
        const notes: Note[] = [];
        const results = await work(noting(tx, notes), items);
        for (const note of notes) note(measures);
        return results;
      }),
  };
}

function noting(tx: Transaction, notes: Note[]): Transaction {
  const ended = (state: DeploymentState | undefined): void => {
    if (state !== undefined && ends.has(state)) notes.push((m) => m.deploymentEnded(state));
  };
  return {
    ...tx,
    deployments: {
      ...tx.deployments,
      async insert(deployments) {
        await tx.deployments.insert(deployments);
        for (const { state } of deployments) ended(state);
      },
      async update(id, patch) {
        await tx.deployments.update(id, patch);
        ended(patch.state);
      },
      async updateMany(changes) {
        await tx.deployments.updateMany(changes);
        for (const { patch } of changes) ended(patch.state);
      },
      async supersedeQueued(...where) {
        const superseded = await tx.deployments.supersedeQueued(...where);
        for (let i = 0; i < superseded.length; i += 1) ended('superseded');
        return superseded;
      },
    },
    attempts: {
      ...tx.attempts,
      async finish(attempts) {
        await tx.attempts.finish(attempts);
        for (const { outcome } of attempts) {
          if (outcome !== null) notes.push((m) => m.attemptEnded(outcome));
        }
      },
    },
  };
}
