import { nodeSilentMs } from '../core/cluster.js';
import { fine, problem, type Finding } from '../core/diagnosis.js';
import type { Examination } from '../storage/examine.js';

/** Of nodes on one PostgreSQL: whether somebody does each kind of work. Nothing where none runs, or with SQLite. */
export function nodeFindings({ postgres, nodes, waitingOn }: Examination, now: number): Finding[] {
  const alive = nodes.filter(({ seenAt }) => seenAt > now - nodeSilentMs);
  if (postgres === null || alive.length === 0) return [];
  const findings: Finding[] = [];
  const has = (role: string): boolean => alive.some(({ roles }) => roles.split(',').includes(role));
  if (!has('worker')) {
    const says = 'No node has the role worker: pushes are taken, and wait.';
    findings.push(problem('nodes', says, 'Start one with SLIPWAY_ROLES=worker.'));
  }
  if (!has('web')) {
    const says = 'No node has the role web: nobody takes pushes.';
    findings.push(problem('nodes', says, 'Start one with SLIPWAY_ROLES=web.'));
  }
  const addresses = [...new Set(alive.map(({ baseUrl }) => baseUrl))];
  if (addresses.length > 1) {
    const says = `Nodes have different public addresses: ${addresses.join(', ')}.`;
    findings.push(problem('nodes', says, 'Give every node the same SLIPWAY_BASE_URL.'));
  }
  for (const { node, lanes } of waitingOn) {
    if (alive.some(({ id }) => id === node)) continue;
    const name = nodes.find(({ id }) => id === node)?.name ?? node;
    const says = `${lanes} targets are built and served on node ${name}, which is away.`;
    const advice = 'Start it with its data folder, or remove the targets and add them again.';
    findings.push(problem('nodes', says, advice));
  }
  if (findings.length > 0) return findings;
  const list = alive.map(({ name, roles }) => `${name} (${roles})`).join(', ');
  return [fine('nodes', `${list}.`)];
}
