import assert from 'node:assert/strict';
import { databaseFindings } from '../../src/doctor/database.js';

describe('doctor: the database', () => {
  const journal = (journalMode: string) =>
    databaseFindings(
      {
        ...{ postgres: null, damage: null, journalMode, pending: [], unknown: [] },
        ...{ sealedBy: new Map(), hooks: [], grants: [], credentials: [] },
        ...{ activeConnectApps: 0, nodes: [], waitingOn: [] },
      },
      'SQLite',
    )[0];

  it('calls no backup broken that was restored and not started yet', () => {
    assert.equal(journal('delete')?.state, 'note');
    assert.equal(journal('wal')?.state, 'fine');
    assert.equal(journal('memory')?.state, 'problem');
  });
});
