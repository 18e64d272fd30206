import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { killGroup } from '../../lib/process-group.js';
import type { ProcessMark } from './records.js';

/** Start time of a process in a form that can be compared later; null when it is gone. */
export async function startedAs(pid: number): Promise<string | null> {
  if (process.platform === 'linux') {
    const stat = await readStat(pid);
    return stat === null || stat.state === 'Z' ? null : `${bootId()}:${stat.startTime}`;
  }
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim() === '' ? null : stdout.trim();
  } catch {
    return null;
  }
}

export async function markOf(pid: number): Promise<ProcessMark | null> {
  const started = await startedAs(pid);
  return started === null ? null : { pid, startedAs: started };
}

/**
 * Kills what is left of a process group whose leader was recorded. A leader that is gone may have left members behind, and
 * while they live its number is not given out again; a leader with another start time is somebody else's.
 */
export async function killLeftover(mark: ProcessMark): Promise<boolean> {
  const now = await startedAs(mark.pid);
  if (now !== null && now !== mark.startedAs) return false;
  if (now === null && !mark.startedAs.startsWith(`${bootId()}:`)) return false;
  return killGroup(mark.pid, 'SIGKILL');
}

interface ProcessStat {
  state: string;
  startTime: string;
}

async function readStat(pid: number): Promise<ProcessStat | null> {
  const content = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (content === null) return null;
  // The second field is the program's name in brackets and may hold anything; count from behind it.
  const fields = content.slice(content.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTime: fields[19] ?? '' };
}

let cachedBootId: string | null = null;

/** Start times count from the boot, so after a reboot they could agree by chance. */
function bootId(): string {
  if (cachedBootId === null) {
    try {
      cachedBootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    } catch {
      cachedBootId = 'boot';
    }
  }
  return cachedBootId;
}
