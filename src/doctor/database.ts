import { fine, note, problem, type Finding } from '../core/diagnosis.js';
import { explainHook } from '../core/hooks/explain.js';
import type { Examination } from '../storage/examine.js';
import type { PostgresFacts } from '../storage/postgres/examine.js';
import { mostSkewMs } from '../storage/postgres/schema.js';

const dayMs = 24 * 3_600_000;
/** Grants that lapse within this time are told of. */
const soonMs = 30 * dayMs;
/** A hook that was not compared with Bitbucket for so long. */
const staleCheckMs = 3 * dayMs;
/** Support for Connect in Bitbucket Cloud ends then (reference/bitbucket-connect.md §1). */
const connectEnds = '2027-01-31';

/** @param where the database, for people */
export function databaseFindings(found: Examination, where: string): Finding[] {
  if (found.postgres) return [...postgresFindings(found.postgres, where), migrationFinding(found)];
  const findings: Finding[] = [];
  if (found.damage !== null) {
    findings.push(
      problem('database', `It is damaged: ${found.damage}.`, 'Stop Slipway and restore a backup.'),
    );
  } else if (found.journalMode === 'delete') {
    // So does a backup leave it; the start changes it, and refuses a disk where that does not work.
    findings.push(note('database', 'It is sound. The next start makes its journal wal.'));
  } else if (found.journalMode !== 'wal') {
    findings.push(
      problem(
        'database',
        `Its journal mode is ${found.journalMode} instead of wal.`,
        'Put SLIPWAY_DATA_DIR on a local disk, and start Slipway.',
      ),
    );
  } else findings.push(fine('database', 'It is sound, and its journal is wal.'));
  return [...findings, migrationFinding(found)];
}

function postgresFindings(facts: PostgresFacts, where: string): Finding[] {
  const { version, nodes, isDurable, skewMs } = facts;
  const says = `${where}; version ${version}. Nodes that use it now: ${nodes}.`;
  const findings = isDurable
    ? [fine('database', says)]
    : [
        problem(
          'database',
          `${says} Its fsync is off: a power cut loses pushes that were acknowledged.`,
          'Set fsync = on in its postgresql.conf.',
        ),
      ];
  if (Math.abs(skewMs) <= mostSkewMs) return findings;
  const apart = `This machine's clock is ${(Math.abs(skewMs) / 1_000).toFixed(1)} s ${skewMs > 0 ? 'ahead of' : 'behind'} the database's.`;
  const advice =
    'Let all machines follow the same time (NTP): leases end by the clocks of the nodes.';
  return [...findings, problem('clock', apart, advice)];
}

function migrationFinding({ pending, unknown }: Examination): Finding {
  if (unknown.length > 0) {
    return problem(
      'migrations',
      `A later version of Slipway has used it: ${unknown.join(', ')}.`,
      'Run that version, or restore a backup of this one.',
    );
  }
  if (pending.length === 0) return fine('migrations', 'All are applied.');
  const advice = 'The next start applies them; so does `slipway migrate`.';
  return note('migrations', `Not yet applied: ${pending.join(', ')}.`, advice);
}

/** `known`: fingerprints of the keys at hand; null when the configuration gave none. */
export function keyFindings(found: Examination, known: readonly string[] | null): Finding[] {
  if (known === null) {
    const advice = 'Set it as the server has it, so that it can be compared.';
    return [note('keys', 'The master key is not known here.', advice)];
  }
  const lost = [...found.sealedBy].filter(([id]) => !known.includes(id));
  if (lost.length === 0) {
    const sealed = [...found.sealedBy.values()].reduce((sum, number) => sum + number, 0);
    return [fine('keys', `Key ${known.join(', ')} opens all ${sealed} stored secrets.`)];
  }
  return lost.map(([id, number]) =>
    problem(
      'keys',
      `${number} stored secrets are sealed with key ${id}, which is not configured.`,
      'Set SLIPWAY_MASTER_KEY to that key; without it they are lost and must be entered again.',
    ),
  );
}

export function hookFindings({ hooks }: Examination, now: number): Finding[] {
  const findings = hooks.flatMap((hook): Finding[] => {
    const { repository, health } = hook;
    const words = explainHook(hook);
    if (words && health?.problem === 'unavailable') {
      return [note('hooks', `${repository}: ${words.says}`, words.advice)];
    }
    if (words) return [problem('hooks', `${repository}: ${words.says}`, words.advice)];
    const checkedAt = health?.checkedAt ?? hook.createdAt;
    if (now - checkedAt < staleCheckMs) return [];
    return [note('hooks', `Webhook of ${repository} was not compared with Bitbucket lately.`)];
  });
  if (findings.length > 0) return findings;
  return [fine('hooks', `${hooks.length} in use, as they should be.`)];
}

export function grantFindings({ grants }: Examination, now: number): Finding[] {
  const findings = grants.flatMap((grant): Finding[] => {
    if (grant.state === 'broken') {
      const advice = `${grant.userName} signs in to Slipway again.`;
      const why = grant.brokenReason === null ? '' : `: ${grant.brokenReason}`;
      return [problem('grants', `What ${grant.userName} allowed is over${why}`, advice)];
    }
    const left = grant.lapsesAt - now;
    if (left >= soonMs) return [];
    const days = Math.max(0, Math.floor(left / dayMs));
    const says = `What ${grant.userName} allowed lapses in ${days} days unless it is used.`;
    return [note('grants', says, `${grant.userName} signs in to Slipway again.`)];
  });
  if (findings.length > 0) return findings;
  return [fine('grants', `${grants.length} of people, none near its end.`)];
}

/** Consumers and access tokens that workspaces entered. */
export function credentialFindings({ credentials }: Examination, now: number): Finding[] {
  const findings = credentials.flatMap((credential): Finding[] => {
    const { kind, state, brokenReason, endsAt, workspace } = credential;
    const what = `${kind === 'consumer' ? 'OAuth consumer' : 'Access token'} of ${workspace}`;
    const advice = 'Enter a new one on the workspace page of Slipway.';
    const left = endsAt === null ? null : endsAt - now;
    if (left !== null && left <= 0) return [problem('credentials', `${what} has expired.`, advice)];
    if (state === 'broken') {
      const why = brokenReason === null ? '.' : `: ${brokenReason}`;
      return [problem('credentials', `${what} is refused${why}`, advice)];
    }
    if (left === null || left >= soonMs) return [];
    const days = Math.floor(left / dayMs);
    return [note('credentials', `${what} expires in ${days} days.`, advice)];
  });
  if (findings.length > 0) return findings;
  return [fine('credentials', `${credentials.length} of workspaces, none near its end.`)];
}

export function connectFindings({ activeConnectApps }: Examination, now: number): Finding[] {
  if (activeConnectApps === 0) return [];
  const over = now >= Date.parse(connectEnds);
  const says = `${activeConnectApps} workspaces use the Connect app; Bitbucket ${over ? 'ended' : 'ends'} its support on ${connectEnds}.`;
  const advice = 'Move them to the Forge app or to OAuth; their settings stay.';
  return [over ? problem('connect', says, advice) : note('connect', says, advice)];
}
