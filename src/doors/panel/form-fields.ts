/** What a form sent: one text per name. A Map, so that a field called `__proto__` is only a field. */
export type FormFields = ReadonlyMap<string, string>;

/**
 * From a parsed urlencoded or JSON body. Of a repeated name the last one counts: a hidden `false` before a checkbox is how "off"
 * differs from "not asked". Anything that is not plain text is left out.
 */
export function formFields(body: unknown): FormFields {
  const fields = new Map<string, string>();
  if (typeof body !== 'object' || body === null) return fields;
  for (const [name, value] of Object.entries(body)) {
    const last: unknown = Array.isArray(value) ? value.at(-1) : value;
    if (typeof last === 'string') fields.set(name, last);
    else if (typeof last === 'number' || typeof last === 'boolean') fields.set(name, String(last));
  }
  return fields;
}

/** Trimmed; empty when absent. */
export function textOf(fields: FormFields, name: string): string {
  return (fields.get(name) ?? '').trim();
}

/** Everything under a prefix, without it: `settings.port` → `port`. */
export function underPrefix(fields: FormFields, prefix: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of fields) {
    if (name.startsWith(prefix)) found.set(name.slice(prefix.length), value);
  }
  return found;
}
