/** Plain JSON values; everything the sandbox sends or stores is one of these. */
export type Json = string | number | boolean | null | Json[] | JsonObject;

export interface JsonObject {
  [key: string]: Json;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value if it is a text, otherwise the empty text: what was checked before is never lost. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
