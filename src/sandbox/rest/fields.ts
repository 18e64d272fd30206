import { isObject, type Json, type JsonObject } from '../json.js';

/**
 * Partial responses (bitbucket-api §3.2): `a.b` selects, `-a.b` removes, `+a.b` adds, `*` is
 * any name. Lists are looked through. What `+` would add is already in our answers.
 */
export function applyFields(body: JsonObject, expression: string | null): JsonObject {
  if (expression === null || expression === '') return body;
  const entries = expression.split(',').filter(Boolean);
  const selected = entries.filter((e) => !/^[-+]/.test(e)).map((e) => e.split('.'));
  const removed = entries.filter((e) => e.startsWith('-')).map((e) => e.slice(1).split('.'));
  const start = selected.length > 0 ? select(body, selected) : body;
  const result = removed.reduce((value: Json, path) => remove(value, path), start ?? {});
  return isObject(result) ? result : {};
}

/** undefined: the path goes on where the value has nothing below it. */
function select(value: Json, paths: readonly (readonly string[])[]): Json | undefined {
  // A path that ends here takes everything below.
  if (value === null || paths.some((path) => path.length === 0)) return value;
  if (Array.isArray(value)) return value.map((entry) => select(entry, paths) ?? null);
  if (!isObject(value)) return undefined;
  const result: JsonObject = {};
  for (const [name, inner] of Object.entries(value)) {
    const below = paths.filter(([head]) => head === name || head === '*');
    if (below.length === 0) continue;
    const found = select(
      inner,
      below.map((path) => path.slice(1)),
    );
    if (found !== undefined) result[name] = found;
  }
  return result;
}

function remove(value: Json, path: readonly string[]): Json {
  if (Array.isArray(value)) return value.map((entry) => remove(entry, path));
  const [head, ...rest] = path;
  if (!isObject(value) || head === undefined) return value;
  const result: JsonObject = {};
  for (const [name, inner] of Object.entries(value)) {
    const hit = head === name || head === '*';
    if (!hit) result[name] = inner;
    else if (rest.length > 0) result[name] = remove(inner, rest);
  }
  return result;
}
