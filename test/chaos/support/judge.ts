import { readDatabase, type Row } from '../../support/e2e/database.js';
import type { AckLine, PushLine, StatusLine } from './hub.js';
import type { ReceiverLine } from './receiver.js';

export interface Evidence {
  pushes: readonly PushLine[];
  acks: readonly AckLine[];
  statuses: readonly StatusLine[];
  receiver: readonly ReceiverLine[];
  /** Slipway's database, read beside the running server; asked only for what the outer world cannot know. */
  database: string;
}

/** Each a sentence; empty lists are what is wanted. */
export interface Verdict {
  lost: string[];
  double: string[];
  olderOverNewer: string[];
  withoutEnd: string[];
  withoutDecision: string[];
  figures: { pushes: number; acked: number; deploys: number; repeats: number; outdated: number };
}

/** Reads the receiver's own log against the pushes as Bitbucket had them. */
export async function judge(evidence: Evidence): Promise<Verdict> {
  const { pushes, acks, receiver } = evidence;
  const told = new Set(acks.map(({ event }) => event));
  const verdict: Verdict = {
    ...{ lost: [], double: [], olderOverNewer: [], withoutDecision: [] },
    withoutEnd: await withoutEnd(evidence),
    figures: {
      pushes: pushes.length,
      acked: pushes.filter(({ event }) => told.has(event)).length,
      deploys: receiver.filter(({ verdict }) => verdict === 'deployed').length,
      repeats: receiver.filter(({ verdict }) => verdict === 'repeat').length,
      outdated: receiver.filter(({ verdict }) => verdict === 'outdated').length,
    },
  };
  verdict.double.push(...sameDeploymentTwice(receiver));
  const explained = await skippedMoves(evidence.database);
  const targets = await targetsOf(evidence.database);
  for (const [place, moves] of byPlace(pushes)) {
    for (const targetId of targets.get(moves[0]?.repository ?? '') ?? []) {
      judgeRef(place, targetId, moves, { told, receiver, explained }, verdict);
    }
  }
  verdict.lost.push(...(await eventsNotStored(evidence)));
  verdict.withoutDecision.push(...(await changesWithoutDecision(evidence.database)));
  return verdict;
}

export function isClean(verdict: Verdict): boolean {
  const { lost, double, olderOverNewer, withoutEnd, withoutDecision } = verdict;
  return [lost, double, olderOverNewer, withoutEnd, withoutDecision].every(
    ({ length }) => length === 0,
  );
}

/**
 * What was deployed to one target from one ref must be a part of what was pushed there, in the same order: each deploy is
 * laid to the first push of its commit after the push that the deploy before it was laid to. Where there is none, the commit
 * came twice without having been pushed twice, or after a newer one.
 */
function judgeRef(
  place: string,
  targetId: string,
  moves: readonly PushLine[],
  known: { told: ReadonlySet<string>; receiver: readonly ReceiverLine[]; explained: Set<string> },
  verdict: Verdict,
): void {
  const where = `${place} to ${targetId}`;
  const deploys = known.receiver.filter(
    (line) => line.verdict === 'deployed' && line.targetId === targetId && placeOf(line) === place,
  );
  let reached = -1;
  for (const { commit, at, webhookId } of deploys) {
    const position = moves.findIndex(({ to }, index) => index > reached && to === commit);
    if (position >= 0) {
      reached = position;
      continue;
    }
    const words = `${where}: ${short(commit)} at ${new Date(at).toISOString()} as ${webhookId}`;
    const isRepeated = moves[reached]?.to === commit;
    if (isRepeated) verdict.double.push(`${words}, deployed just before`);
    else verdict.olderOverNewer.push(`${words}, after push ${moves[reached]?.number ?? 'none'}`);
  }
  const newest = moves.findLastIndex(({ event, to }) => to !== null && known.told.has(event));
  const push = moves[newest];
  if (!push || push.isSkipped || reached >= newest) return;
  const isThereAlready = moves.slice(newest).some(({ to }) => to === moves[reached]?.to);
  const isGone = moves.at(-1)?.to === null;
  // A newer push that asks for no deploy is the head: the older one may be skipped, but must say so.
  const isOvertaken = moves.slice(newest + 1).some(({ to, isSkipped }) => isSkipped || to === null);
  const isExplained = known.explained.has(`${targetId} ${place} ${push.to}`);
  if (isThereAlready || ((isGone || isOvertaken) && isExplained)) return;
  verdict.lost.push(`${where}: push ${push.number} (${short(push.to ?? '')}), and nothing newer`);
}

function byPlace(pushes: readonly PushLine[]): Map<string, PushLine[]> {
  const places = new Map<string, PushLine[]>();
  for (const push of [...pushes].sort((a, b) => a.number - b.number)) {
    const place = placeOf({ ...push, refName: push.name });
    places.set(place, [...(places.get(place) ?? []), push]);
  }
  return places;
}

function placeOf(line: Pick<ReceiverLine, 'repository' | 'refType' | 'refName'>): string {
  return `${line.repository} ${line.refType} ${line.refName}`;
}

/** One deployment carried out under two ids: the key was not kept. */
function sameDeploymentTwice(receiver: readonly ReceiverLine[]): string[] {
  const ids = new Map<string, Set<string>>();
  for (const { deploymentId, webhookId } of receiver) {
    ids.set(deploymentId, (ids.get(deploymentId) ?? new Set()).add(webhookId));
  }
  const deployed = receiver.filter(({ verdict }) => verdict === 'deployed');
  const counts = new Map<string, number>();
  for (const { deploymentId: id } of deployed) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...ids].flatMap(([id, keys]) => {
    if (keys.size > 1) return [`deployment ${id} was sent under ${keys.size} ids`];
    return (counts.get(id) ?? 0) > 1 ? [`deployment ${id} was carried out twice`] : [];
  });
}

async function targetsOf(database: string): Promise<Map<string, string[]>> {
  const rows = await readDatabase(
    database,
    'SELECT t.id AS id, r.full_name AS name FROM targets t JOIN repositories r ON r.id = t.repository_id',
  );
  const targets = new Map<string, string[]>();
  for (const { id, name } of rows) {
    targets.set(String(name), [...(targets.get(String(name)) ?? []), String(id)]);
  }
  return targets;
}

/** Moves of which Slipway has said why they are not deployed. */
async function skippedMoves(database: string): Promise<Set<string>> {
  const rows = await readDatabase(
    database,
    `SELECT d.target_id AS target, r.full_name AS repository, c.ref_type AS type, c.name AS name, c."to" AS hash
     FROM decisions d JOIN ref_changes c ON c.id = d.ref_change_id JOIN repositories r ON r.id = c.repository_id
     WHERE d.outcome = 'skip'
     UNION ALL
     SELECT p.target_id, r.full_name, p.ref_type, p.ref_name, p."commit"
     FROM deployments p JOIN repositories r ON r.id = p.repository_id WHERE p.state = 'superseded'`,
  );
  return new Set(
    rows.map(
      ({ target, repository, type, name, hash }) =>
        `${target} ${repository} ${type} ${name} ${hash}`,
    ),
  );
}

async function eventsNotStored({ acks, database }: Evidence): Promise<string[]> {
  const missing = await missingEvents(acks, database);
  return missing.map(({ delivery, event }) => `event ${event} (delivery ${delivery}): not stored`);
}

/** Answered with 204, and not in the database. */
export async function missingEvents(
  acks: readonly AckLine[],
  database: string,
): Promise<AckLine[]> {
  const rows = await readDatabase(database, 'SELECT delivery_id AS id FROM events');
  const stored = new Set(rows.map(({ id }) => String(id)));
  return acks.filter(({ delivery }) => !stored.has(delivery));
}

/** Copies of a push have none of their own. */
async function changesWithoutDecision(database: string): Promise<string[]> {
  const rows = await readDatabase(
    database,
    `SELECT c.name AS name, c."to" AS hash, t.id AS target, d.outcome AS outcome
     FROM ref_changes c JOIN targets t ON t.repository_id = c.repository_id
     LEFT JOIN decisions d ON d.ref_change_id = c.id AND d.target_id = t.id
     WHERE c.same_as IS NULL AND (d.outcome IS NULL OR d.outcome = 'pending')`,
  );
  return rows.map(
    ({ name, hash, target, outcome }) =>
      `${name} → ${short(String(hash))} for ${target}: ${outcome ?? 'no decision'}`,
  );
}

/** Ends of deployments; `waiting` is a person's turn. */
export const endStates = ['live', 'failed', 'stopped', 'superseded', 'handed_off', 'waiting'];

export function unfinished(database: string): Promise<Row[]> {
  const ends = endStates.map((state) => `'${state}'`).join(', ');
  return readDatabase(
    database,
    `SELECT 'deployment' AS what, p.id AS id, p.state AS state, p.reason AS reason, l.due_at AS due
     FROM deployments p LEFT JOIN lanes l ON l.target_id = p.target_id WHERE p.state NOT IN (${ends})
     UNION ALL
     SELECT 'status', id, state, error, due_at FROM status_reports WHERE due_at IS NOT NULL`,
  );
}

/** Deployments that hang, and commits whose last build status at Bitbucket is none of the ends. */
async function withoutEnd({ database, statuses }: Evidence): Promise<string[]> {
  const rows = await unfinished(database);
  const hanging = rows.map(
    ({ what, id, state, reason }) => `${what} ${id} is ${state} (${reason ?? 'no reason'})`,
  );
  const last = new Map<string, StatusLine>();
  for (const status of statuses) {
    last.set(`${status.repository} ${status.commit} ${status.key}`, status);
  }
  const open = [...last].filter(([, { state }]) => state === 'INPROGRESS');
  return [...hanging, ...open.map(([key]) => `the build status of ${key} stays INPROGRESS`)];
}

function short(hash: string): string {
  return hash.slice(0, 12);
}
