import { setTimeout as delay } from 'node:timers/promises';
import type { DeploymentRow, PanelVisitor } from './panel-visitor.js';
import type { SandboxClient, StatusWrite } from './sandbox-client.js';

const ends = new Set(['live', 'failed', 'stopped', 'superseded', 'handed_off']);
const endStatuses = new Set(['SUCCESSFUL', 'FAILED', 'STOPPED']);
/** As often as a person with a nervous finger; the panel has no channel that could be awaited. */
const pollMs = 200;

/** Follows the deployment of a commit in the panel until it is over. */
export async function watchDeployment(
  panel: PanelVisitor,
  commit: string,
  options: { timeoutMs: number; onProgress: (row: DeploymentRow) => void },
): Promise<DeploymentRow> {
  const deadline = Date.now() + options.timeoutMs;
  let last = '';
  for (;;) {
    const row = (await panel.deployments()).find((candidate) => candidate.commit === commit);
    if (row) {
      const now = `${row.state} ${row.progress ?? ''}`;
      if (now !== last) options.onProgress(row);
      last = now;
      if (ends.has(row.state)) return row;
    }
    if (Date.now() > deadline) {
      const state = row ? `it is still ${row.state}` : 'it never appeared';
      throw new Error(
        `commit ${commit.slice(0, 12)} did not end within ${options.timeoutMs / 1000} s: ${state}`,
      );
    }
    await delay(pollMs);
  }
}

/** Waits until the commit's build status has reached an end; returns every write, oldest first. */
export async function watchStatuses(
  sandbox: SandboxClient,
  repository: string,
  commit: string,
  timeoutMs: number,
): Promise<StatusWrite[]> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const writes = await sandbox.statuses(repository, commit);
    if (endStatuses.has(writes.at(-1)?.state ?? '')) return writes;
    if (Date.now() > deadline) {
      throw new Error(`the build status of ${commit.slice(0, 12)} did not reach an end`);
    }
    await delay(pollMs);
  }
}
