import type { JsonObject } from '../json.js';
import { hrefs } from '../shapes/links.js';
import { ok, param, type Call, type Result } from './call.js';
import { RestError } from './errors.js';
import { listResult } from './list.js';

const pullRequest = [
  'created updated push approved unapproved fulfilled rejected changes_request_created',
  'changes_request_removed comment_created comment_updated comment_deleted comment_resolved',
  'comment_reopened',
];
const repository = [
  'push fork updated transfer created deleted imported commit_comment_created',
  'commit_status_created commit_status_updated',
];

/** The catalogue of bitbucket-api §5.4. */
const catalogue: readonly string[] = [
  ...events('repo', repository),
  ...events('pullrequest', pullRequest),
  ...events('issue', ['created updated comment_created']),
  'project:updated',
  'pipeline:span_created',
];

function events(category: string, lines: readonly string[]): string[] {
  return lines.flatMap((line) => line.split(' ').map((name) => `${category}:${name}`));
}

/** Events that only a workspace's webhook can have. */
const workspaceOnly = new Set(['repo:created', 'project:updated']);

export function eventsOf(subject: 'repository' | 'workspace'): string[] {
  return catalogue.filter((event) => subject === 'workspace' || !workspaceOnly.has(event));
}

/** Creating a webhook needs the scope of every event in it (§1.6). */
export function scopeOfEvent(event: string): string {
  const category = event.split(':')[0] ?? '';
  return category === 'repo' ? 'repository' : category;
}

export function listHookSubjects(call: Call): Result {
  const link = (subject: string) =>
    hrefs({ events: call.world.links.api(`/hook_events/${subject}`) });
  return ok({ repository: link('repository'), workspace: link('workspace') });
}

export function listHookEvents(call: Call): Result {
  const subject = param(call, 'subject');
  if (subject !== 'repository' && subject !== 'workspace') {
    throw new RestError(404, 'Resource not found');
  }
  const values = eventsOf(subject).map((event): JsonObject => {
    const [category = '', name = ''] = event.split(':');
    const label = name.replaceAll('_', ' ');
    const title = category === 'repo' ? 'Repository' : category;
    return { event, category: title, label, description: `${title}: ${label}` };
  });
  return listResult(call, values, { usual: 30 });
}
