import type { Json, JsonObject } from '../json.js';
import type { Webhook } from '../state/model.js';
import { invalidFields } from './errors.js';
import { eventsOf } from './hook-events.js';

export interface HookFields {
  url: string;
  description: string;
  events: string[];
  active: boolean | undefined;
  /** undefined: not sent; null: none. */
  secret: string | null | undefined;
  skip_cert_verification: boolean | undefined;
}

const longestSecret = 128;

/** Reads a webhook's body, or answers 400 with every field that is wrong (bitbucket-api §4.8). */
export function hookFields(input: JsonObject, subject: Webhook['subject_type']): HookFields {
  const { url, description = '', events, active, secret } = input;
  const skip = input['skip_cert_verification'];
  const found: Record<string, string[]> = {};
  const note = (name: string, problem: string | null) => {
    if (problem !== null) found[name] = [problem];
  };
  note('url', urlProblem(url));
  note('events', eventsProblem(events, eventsOf(subject)));
  note('secret', secretProblem(secret));
  note('description', typeof description === 'string' ? null : 'Not a valid string.');
  note('active', isFlag(active) ? null : 'Must be a valid boolean.');
  note('skip_cert_verification', isFlag(skip) ? null : 'Must be a valid boolean.');
  if (Object.keys(found).length > 0) throw invalidFields(found);
  return {
    url: url as string,
    description: description as string,
    events: events as string[],
    active: active as boolean | undefined,
    secret: secret === '' ? null : (secret as string | null | undefined),
    skip_cert_verification: skip as boolean | undefined,
  };
}

function isFlag(value: Json | undefined): boolean {
  return value === undefined || typeof value === 'boolean';
}

/** Bitbucket refuses internal addresses; here everything is on this machine. */
function urlProblem(url: Json | undefined): string | null {
  if (typeof url !== 'string' || url === '') return 'This field is required.';
  const valid = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
  return valid ? null : 'Enter a valid URL.';
}

function eventsProblem(events: Json | undefined, known: readonly string[]): string | null {
  if (!Array.isArray(events) || events.length === 0) return 'This field is required.';
  const unknown = events.find((event) => typeof event !== 'string' || !known.includes(event));
  if (unknown !== undefined) return `${JSON.stringify(unknown)} is not a valid choice.`;
  return new Set(events).size === events.length ? null : 'Events must be unique.';
}

function secretProblem(secret: Json | undefined): string | null {
  if (secret === undefined || secret === null) return null;
  if (typeof secret !== 'string') return 'Not a valid string.';
  if (secret.length <= longestSecret) return null;
  return `Ensure this value has at most ${longestSecret} characters (it has ${secret.length}).`;
}
