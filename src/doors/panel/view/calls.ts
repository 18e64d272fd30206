import type { Attempt, KeptExchange } from '../../../core/model/index.js';
import { durationText, timeView, type TimeView } from './time.js';

export interface AttemptView {
  /** "1st try to deploy", "look-up" */
  title: string;
  at: TimeView;
  outcome: string;
  detail: string | null;
  calls: CallView[];
}

export interface CallView {
  method: string;
  address: string;
  /** What was sent, as lines: headers, an empty one, the body. */
  sent: string;
  /** "Answered 202 after 1 s" */
  answer: string;
  received: string;
}

export function attemptView(attempt: Attempt, now: number): AttemptView {
  return {
    title: `${attempt.number}. ${kinds[attempt.kind]}`,
    at: timeView(attempt.startedAt, now),
    outcome: attempt.outcome === null ? 'no answer yet' : outcomes[attempt.outcome],
    detail: attempt.detail,
    calls: (attempt.exchanges ?? []).map(callView),
  };
}

const kinds: Readonly<Record<Attempt['kind'], string>> = {
  trigger: 'Sent',
  rollback: 'Rollback sent',
  lookup: 'Looked up',
  cancel: 'Cancel asked for',
};

const outcomes: Readonly<Record<NonNullable<Attempt['outcome']>, string>> = {
  accepted: 'accepted',
  rejected: 'refused',
  retry: 'to be tried again',
  unknown: 'not answered',
  found: 'found there',
  absent: 'not there',
  cancelled: 'cancelled',
  too_late: 'too late',
  failed: 'not answered',
};

function callView(call: KeptExchange): CallView {
  const took = durationText(call.ms);
  const answer = call.status === null ? (call.failure ?? 'No answer') : `Answered ${call.status}`;
  return {
    method: call.method,
    address: call.address,
    sent: lines(call.requestHeaders, call.requestBody),
    answer: `${answer} after ${took}`,
    received: lines(call.responseHeaders, call.responseBody),
  };
}

function lines(headers: Readonly<Record<string, string>>, body: string | null): string {
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [...head, ...(body === null || body === '' ? [] : ['', body])].join('\n');
}
