import { isObject, type Json, type JsonObject } from './json.js';

export interface RequestFault {
  on: 'request';
  method: string | null;
  path: RegExp;
  /** Without a status the request is only delayed. */
  status: number | null;
  body: Json;
  headers: Record<string, string>;
  delay_ms: number;
  /** `before`: nothing happens. `after`: it happens, only the answer is replaced. */
  when: 'before' | 'after';
  /** The connection is cut instead of answered. */
  drop: boolean;
}

export interface DeliveryFault {
  on: 'delivery';
  event: string | null;
  repository: string | null;
  drop: boolean;
  /** `same_id` repeats X-Request-UUID, `new_id` is what a second identical hook would send. */
  duplicate: 'no' | 'same_id' | 'new_id';
  delay_ms: number;
  /** Held back until the next delivery of the same hook has been sent. */
  reorder: boolean;
}

export type Fault = (RequestFault | DeliveryFault) & {
  id: number;
  /** Uses left; null means until removed. */
  times: number | null;
  used: number;
};

export class Faults {
  private list: Fault[] = [];
  private nextId = 1;

  add(fault: RequestFault | DeliveryFault, times: number | null): Fault {
    const added = { ...fault, id: this.nextId++, times, used: 0 };
    this.list.push(added);
    return added;
  }

  clear(id?: number): void {
    this.list = id === undefined ? [] : this.list.filter((fault) => fault.id !== id);
  }

  get all(): JsonObject[] {
    return this.list.map(describeFault);
  }

  takeForRequest(method: string, pathAndQuery: string): (RequestFault & { id: number }) | null {
    const found = this.list.find(
      (f): f is Fault & RequestFault =>
        f.on === 'request' &&
        f.times !== 0 &&
        (f.method === null || f.method === method) &&
        f.path.test(pathAndQuery),
    );
    return found ? use(found) : null;
  }

  takeForDelivery(event: string, repository: string): DeliveryFault | null {
    const found = this.list.find(
      (f): f is Fault & DeliveryFault =>
        f.on === 'delivery' &&
        f.times !== 0 &&
        (f.event === null || f.event === event) &&
        (f.repository === null || f.repository === repository),
    );
    return found ? use(found) : null;
  }
}

function use<F extends Fault>(fault: F): F {
  fault.used += 1;
  if (fault.times !== null) fault.times -= 1;
  return fault;
}

export function describeFault(fault: Fault): JsonObject {
  const plain = fault.on === 'request' ? { ...fault, path: fault.path.source } : { ...fault };
  return plain;
}

/** Reads what a caller of the control API wrote; a string is a sentence about what is wrong. */
export function parseFault(
  input: JsonObject,
): { fault: RequestFault | DeliveryFault; times: number | null } | string {
  const times = input['times'] ?? null;
  if (times !== null && !(typeof times === 'number' && times >= 1)) {
    return 'times must be a number above 0';
  }
  const delay = input['delay_ms'] ?? 0;
  if (typeof delay !== 'number' || delay < 0) return 'delay_ms must be a number';
  const on = input['on'] ?? 'request';
  const fault =
    on === 'request'
      ? requestFault(input, delay)
      : on === 'delivery'
        ? deliveryFault(input, delay)
        : 'on must be "request" or "delivery"';
  return typeof fault === 'string' ? fault : { fault, times };
}

function requestFault(input: JsonObject, delay: number): RequestFault | string {
  const { path, method = null, status = null, body = '', headers = {}, when = 'before' } = input;
  if (typeof path !== 'string') return 'path (a regular expression) is missing';
  if (method !== null && typeof method !== 'string') return 'method must be a string';
  if (status !== null && !(typeof status === 'number' && status >= 200 && status <= 599)) {
    return 'status must be a number from 200 to 599';
  }
  if (!isObject(headers)) return 'headers must be an object';
  if (when !== 'before' && when !== 'after') return 'when must be "before" or "after"';
  let regex: RegExp;
  try {
    regex = new RegExp(path);
  } catch {
    return 'path is not a regular expression';
  }
  return {
    on: 'request',
    method: method === null ? null : method.toUpperCase(),
    path: regex,
    status,
    body,
    headers: Object.fromEntries(
      Object.entries(headers).map(([k, v]) => [k, typeof v === 'string' ? v : JSON.stringify(v)]),
    ),
    delay_ms: delay,
    when,
    drop: input['drop'] === true,
  };
}

function deliveryFault(input: JsonObject, delay: number): DeliveryFault | string {
  const { event = null, repository = null, duplicate = 'no' } = input;
  if (event !== null && typeof event !== 'string') return 'event must be a string';
  if (repository !== null && typeof repository !== 'string') return 'repository must be a string';
  const copies = duplicate === true ? 'same_id' : duplicate === false ? 'no' : duplicate;
  if (copies !== 'no' && copies !== 'same_id' && copies !== 'new_id') {
    return 'duplicate must be true, "same_id" or "new_id"';
  }
  return {
    on: 'delivery',
    event,
    repository,
    drop: input['drop'] === true,
    duplicate: copies,
    delay_ms: delay,
    reorder: input['reorder'] === true,
  };
}
