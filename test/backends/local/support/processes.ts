import { readFileSync } from 'node:fs';

/** Whether a process lives. A zombie does not: it only waits for the first process of the machine. */
export function isAlive(pid: string | number | undefined): boolean {
  if (pid === undefined) throw new Error('there is no pid');
  try {
    process.kill(Number(pid), 0);
  } catch {
    return false;
  }
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return process.platform !== 'linux';
  }
}
