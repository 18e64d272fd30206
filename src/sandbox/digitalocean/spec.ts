import { isObject, textOf, type JsonObject } from '../json.js';

const kinds = ['services', 'static_sites', 'workers', 'jobs', 'functions'] as const;
/** deploy-backends §1.4 */
const nameRule = /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/;

export interface Part {
  kind: (typeof kinds)[number];
  name: string;
  repository: string | null;
  branch: string | null;
}

export function partsOf(spec: JsonObject): Part[] {
  return kinds.flatMap((kind) => {
    const list = spec[kind];
    if (!Array.isArray(list)) return [];
    return list.filter(isObject).map((component) => {
      const source = isObject(component['bitbucket']) ? component['bitbucket'] : {};
      return {
        kind,
        name: textOf(component['name']),
        repository: textOf(source['repo']) || null,
        branch: textOf(source['branch']) || null,
      };
    });
  });
}

/** Null when fine, else what the API says. */
export function specProblem(spec: unknown): string | null {
  if (!isObject(spec)) return 'spec is required';
  if (!nameRule.test(textOf(spec['name']))) return 'name is invalid';
  const parts = partsOf(spec);
  if (parts.length === 0) return 'spec must contain at least one component';
  if (parts.some(({ name }) => !nameRule.test(name))) return 'component name is invalid';
  const names = new Set(parts.map(({ name }) => name));
  return names.size === parts.length ? null : 'component names must be unique';
}
