import assert from 'node:assert/strict';
import type { ClusterNode } from '../../src/core/cluster.js';
import { nodeFindings } from '../../src/doctor/nodes.js';
import type { Examination } from '../../src/storage/examine.js';

const now = 1_000_000;

function node(name: string, roles: string, more: Partial<ClusterNode> = {}): ClusterNode {
  const facts = { masterKeyId: 'k', baseUrl: 'https://slipway.example.com', startedAt: 0 };
  return { id: `id-${name}`, name, roles, ...facts, seenAt: now - 1_000, ...more };
}

function found(nodes: ClusterNode[], more: Partial<Examination> = {}): Examination {
  return {
    postgres: {
      version: '16.1',
      major: 16,
      encoding: 'UTF8',
      nodes: nodes.length,
      isDurable: true,
      skewMs: 0,
    },
    ...{ damage: null, journalMode: null, pending: [], unknown: [], sealedBy: new Map() },
    ...{ hooks: [], grants: [], credentials: [], activeConnectApps: 0 },
    ...{ nodes, waitingOn: [], ...more },
  };
}

const said = (examination: Examination) =>
  nodeFindings(examination, now).map(({ state, says }) => `${state}: ${says}`);

describe('what the doctor says of nodes', () => {
  it('names them with their roles, and says nothing where none runs or with SQLite', () => {
    const parted = [node('a', 'web'), node('b', 'worker')];
    assert.deepEqual(said(found(parted)), ['fine: a (web), b (worker).']);
    assert.deepEqual(said(found([node('a', 'web,worker', { seenAt: 0 })])), []);
    assert.deepEqual(said(found(parted, { postgres: null })), []);
  });

  it('misses a role that nobody has, and addresses that differ', () => {
    const away = node('b', 'worker', { seenAt: now - 60_000 });
    assert.match(said(found([node('a', 'web'), away])).join(), /No node has the role worker/);
    assert.match(said(found([node('a', 'worker')])).join(), /No node has the role web/);
    const other = node('b', 'web,worker', { baseUrl: 'https://other.example.com' });
    assert.match(
      said(found([node('a', 'web,worker'), other])).join(),
      /different public addresses/,
    );
  });

  it('tells of targets that live on a node that is away, by its name', () => {
    const nodes = [node('a', 'web,worker'), node('b', 'web,worker', { seenAt: 0 })];
    const waitingOn = [
      { node: 'id-a', lanes: 1 },
      { node: 'id-b', lanes: 3 },
    ];
    assert.match(said(found(nodes, { waitingOn })).join(), /3 targets .* on node b, which is away/);
  });
});
