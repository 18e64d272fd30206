import type { DeliveryRow } from '../core/care.js';
import type {
  Attempt,
  Decision,
  KeptExchange,
  StatusReport,
  StoredRefChange,
} from '../core/model/index.js';
import type { Reader } from '../core/ports.js';
import { deliveryJson, inWords, summary } from './deliveries-text.js';
import { printable, type CommandIo } from './io.js';

interface Whole {
  row: DeliveryRow;
  refChange: StoredRefChange | null;
  decision: Decision | null;
  attempts: Attempt[];
  reports: StatusReport[];
}

/** One deployment with everything that is known of it. Exit code 1 when there is none. */
export async function showDelivery(
  id: string,
  json: boolean,
  read: Reader,
  io: CommandIo,
): Promise<number> {
  const whole = await load(id, read);
  if (!whole) {
    io.err(
      `slipway deliveries: there is no deployment ${printable(id)}; it may have been pruned.\n`,
    );
    return 1;
  }
  io.out(json ? `${JSON.stringify(asJson(whole))}\n` : asText(whole, io.now()));
  return 0;
}

async function load(id: string, read: Reader): Promise<Whole | null> {
  const row = await read.care.delivery(id);
  if (!row) return null;
  const { refChangeId, targetId } = row.deployment;
  const [refChange, decision, attempts, reports] = await Promise.all([
    refChangeId === null ? null : read.events.refChange(refChangeId),
    refChangeId === null ? null : read.events.decision(refChangeId, targetId),
    read.care.attempts([id]),
    read.care.statusReports([id]),
  ]);
  return { row, refChange, decision, attempts, reports };
}

function asJson({ row, refChange, decision, attempts, reports }: Whole): object {
  const statusReports = reports.map(({ url: _, ...report }) => report);
  return { ...deliveryJson(row), refChange, decision, attempts, statusReports };
}

function asText({ row, refChange, decision, attempts, reports }: Whole, now: number): string {
  const { deployment } = row;
  const lines = [
    summary(row, now),
    `  backend    ${row.backend ?? 'gone'}, its own id ${deployment.backendRef ?? 'none yet'}`,
    `  caused by  ${deployment.causedBy ?? 'nobody we know'} (${deployment.cause})`,
    ...(refChange ? [`  push       ${push(refChange)}`] : []),
    ...(decision
      ? [`  decision   ${decision.outcome} (${decision.reasonCode}): ${decision.reason}`]
      : []),
    ...(deployment.supersededBy ? [`  superseded by ${deployment.supersededBy}`] : []),
    ...attempts.flatMap((one) => [
      `  attempt    ${attempt(one)}`,
      ...(one.exchanges ?? []).flatMap(exchange),
    ]),
    ...reports.map((one) => `  status     ${report(one, now)}`),
  ];
  const [first = '', ...rest] = lines;
  return `${[first, ...rest.map(printable)].join('\n')}\n`;
}

function push({ kind, refType, name, from, to, createdAt }: StoredRefChange): string {
  const [old, head] = [from, to].map((hash) => hash?.slice(0, 12) ?? '(nothing)');
  return `${kind} ${refType} ${name}: ${old} → ${head}, ${at(createdAt)}`;
}

function attempt({ number, kind, outcome, detail, startedAt, finishedAt }: Attempt): string {
  const took = finishedAt === null ? 'not answered' : `${finishedAt - startedAt} ms`;
  const said = detail === null ? '' : `: ${detail}`;
  return `${number}  ${kind} at ${at(startedAt)}, ${took}, ${outcome ?? 'open'}${said}`;
}

/** Headers and bodies indented under the line that says what was called. */
function exchange(one: KeptExchange): string[] {
  const headers = (all: Record<string, string>): string[] =>
    Object.entries(all).map(([name, value]) => `      ${name}: ${value}`);
  const body = (text: string | null): string[] =>
    text === null || text === '' ? [] : text.split('\n').map((line) => `      ${line}`);
  const answer = one.status === null ? (one.failure ?? 'no answer') : `answered ${one.status}`;
  return [
    `    → ${one.method} ${one.address}`,
    ...headers(one.requestHeaders),
    ...body(one.requestBody),
    `    ← ${answer} after ${one.ms} ms`,
    ...headers(one.responseHeaders),
    ...body(one.responseBody),
  ];
}

function report({ state, settledAt, dueAt, attempts, error }: StatusReport, now: number): string {
  const where =
    settledAt !== null
      ? error === null
        ? `written ${at(settledAt)}`
        : `given up: ${error}`
      : `owed, ${attempts} tries, next ${inWords((dueAt ?? now) - now)}${error === null ? '' : ` (${error})`}`;
  return `${state}, ${where}`;
}

function at(time: number): string {
  return new Date(time).toISOString();
}
