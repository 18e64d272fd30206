/** What a node does; on SQLite one process does both. */
export interface Roles {
  /** Takes events, shows pages, answers backends. */
  web: boolean;
  /** Works on lanes, reports build statuses, and does the jobs beside them. */
  worker: boolean;
}

/** `web`, `worker` or `web,worker`, as `SLIPWAY_ROLES` has it. */
export function rolesInWords({ web, worker }: Roles): string {
  return [web && 'web', worker && 'worker'].filter(Boolean).join(',');
}

/** What the configuration's checker can do. */
interface Checked {
  list(name: 'SLIPWAY_ROLES'): readonly string[] | null;
  has(name: 'DATABASE_URL'): boolean;
  problem(text: string): void;
}

export function parseRoles(check: Checked): Roles {
  const names = check.list('SLIPWAY_ROLES') ?? ['web', 'worker'];
  const roles = { web: names.includes('web'), worker: names.includes('worker') };
  const unknown = names.filter((name) => name !== 'web' && name !== 'worker');
  if (unknown.length > 0 || names.length === 0) {
    check.problem(
      `SLIPWAY_ROLES is "${names.join(',')}"; it may be web, worker or both with a comma between them.`,
    );
  } else if (!(roles.web && roles.worker) && !check.has('DATABASE_URL')) {
    check.problem(
      'SLIPWAY_ROLES leaves out a role, which needs DATABASE_URL: with SQLite one process does everything.',
    );
  }
  return roles;
}
