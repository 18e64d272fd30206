import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
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

/** False when nobody was there any more. */
export function killGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/**
 * Living processes of a user, on Linux. Zombies do not count: they only wait for their parent. Read at one go: these are no
 * files on a disk, and waiting for each would take ten times as long.
 */
export function processesOf(uid: number): number[] {
  if (process.platform !== 'linux') return [];
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const status = statusOf(name);
    const ids = /^Uid:\s+(\d+)\s+(\d+)/m.exec(status);
    const isZombie = /^State:\s+[ZX]/m.test(status);
    if (!isZombie && (ids?.[1] === String(uid) || ids?.[2] === String(uid)))
      found.push(Number(name));
  }
  return found;
}

function statusOf(name: string): string {
  try {
    return readFileSync(`/proc/${name}/status`, 'utf8');
  } catch {
    return '';
  }
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
