import type { Request } from 'express';
import { AccessError } from '../../core/errors.js';
import { currentSession, type CurrentSession } from '../web/sessions.js';

/** Addresses of our own pages. In them uuids have no braces. */
export function workspacePath(workspaceUuid: string): string {
  return `/w/${bare(workspaceUuid)}`;
}

export function settingsPath(workspaceUuid: string): string {
  return `${workspacePath(workspaceUuid)}/settings`;
}

export function repositoryPath(workspaceUuid: string, repositoryUuid: string): string {
  return `${workspacePath(workspaceUuid)}/r/${bare(repositoryUuid)}`;
}

/** Throws `repository_unknown` for what is no uuid at all. */
export function uuidOf(segment: string | undefined): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(segment ?? '')) {
    throw new AccessError('repository_unknown', 404);
  }
  return `{${segment?.toLowerCase()}}`;
}

/** Throws `signed_out`. */
export function sessionOf(req: Request): CurrentSession {
  const session = currentSession(req);
  if (session === null) throw new AccessError('signed_out', 401);
  return session;
}

function bare(uuid: string): string {
  return uuid.replace(/[{}]/g, '');
}
