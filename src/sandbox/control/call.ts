import type { Exchange } from '../http/exchange.js';
import type { JsonObject } from '../json.js';
import type { Repository, User, Workspace } from '../state/model.js';
import type { World } from '../world.js';

/** A mistake in a control call; becomes `{error: {message, …}}`. */
export class ControlError extends Error {
  override name = 'ControlError';
  readonly status: number;
  readonly details: JsonObject;

  constructor(status: number, message: string, details: JsonObject = {}) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

export interface ControlCall {
  world: World;
  exchange: Exchange;
  params: Record<string, string>;
  input: JsonObject;
  /** Ends the sandbox's data; only `reset` uses it. */
  reset: () => Promise<void>;
}

export interface ControlResult {
  status: number;
  json: unknown;
}

export type ControlHandler = (call: ControlCall) => Promise<ControlResult> | ControlResult;

export function ok(json: unknown): ControlResult {
  return { status: 200, json };
}

export function created(json: unknown): ControlResult {
  return { status: 201, json };
}

/** From the body, or from the query of a GET. */
export function optional(call: ControlCall, name: string): string | undefined {
  const value = call.input[name] ?? call.exchange.query.get(name) ?? undefined;
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined;
  throw new ControlError(400, `${name} must be a string`);
}

export function required(call: ControlCall, name: string): string {
  const value = optional(call, name);
  if (value === undefined || value === '') throw new ControlError(400, `${name} is missing`);
  return value;
}

export function flag(call: ControlCall, name: string, fallback: boolean): boolean {
  const value = call.input[name] ?? call.exchange.query.get(name) ?? fallback;
  return value === true || value === 'true' || value === '1';
}

export function workspaceFrom(call: ControlCall, name = 'workspace'): Workspace {
  const identifier = required(call, name);
  const found = call.world.state.workspace(identifier);
  if (!found) throw new ControlError(404, `there is no workspace "${identifier}"`);
  return found;
}

export function userFrom(call: ControlCall, name = 'user'): User {
  const identifier = required(call, name);
  const found = call.world.state.user(identifier);
  if (!found) throw new ControlError(404, `there is no user "${identifier}"`);
  return found;
}

export function repositoryFrom(call: ControlCall, name = 'repository'): Repository {
  const identifier = required(call, name);
  const found = call.world.state.repositoryByName(identifier);
  if (!found) throw new ControlError(404, `there is no repository "${identifier}"`);
  return found;
}
