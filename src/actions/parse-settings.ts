import { z } from 'zod';
import type { FieldMeta } from '../core/backend.js';

export interface ParsedSettings {
  settings: Record<string, unknown>;
  secrets: Record<string, unknown>;
  /** By form field, `settings.<field>`. */
  problems: Record<string, string>;
}

/**
 * Form text into the backend's own types, secrets apart.
 *
 * @param schema of a target's settings, or of a connection's
 * @param stored secrets as they are now; an empty secret keeps its value unless it is in `clearSecrets`
 */
export function parseSettings(
  schema: z.ZodObject,
  raw: Readonly<Record<string, string>>,
  clearSecrets: readonly string[],
  stored: Readonly<Record<string, unknown>>,
): ParsedSettings {
  const shape = schema.shape as Record<string, z.ZodType>;
  const input: Record<string, unknown> = {};
  for (const [field, type] of Object.entries(shape)) {
    const text = raw[field] ?? '';
    if (isSecret(type) && text === '') {
      if (!clearSecrets.includes(field)) input[field] = stored[field];
    } else if (inner(type) instanceof z.ZodBoolean) {
      // An unticked box sends nothing; nothing at all (a program's request) means the default.
      if (field in raw) input[field] = text === 'true' || text === 'on';
    } else if (text !== '') {
      input[field] = inner(type) instanceof z.ZodNumber ? Number(text) : text;
    }
  }
  const result = schema.safeParse(input);
  const parsed: ParsedSettings = { settings: {}, secrets: {}, problems: {} };
  if (!result.success) {
    for (const issue of result.error.issues) {
      parsed.problems[`settings.${issue.path.join('.')}`] ??= issue.message;
    }
    return parsed;
  }
  for (const [field, value] of Object.entries(result.data)) {
    const type = shape[field];
    if (value === undefined || !type) continue;
    (isSecret(type) ? parsed.secrets : parsed.settings)[field] = value;
  }
  return parsed;
}

/** A mark on the value counts wherever it stands: `.meta().optional()` keeps it on the inner schema only. */
function isSecret(schema: z.ZodType): boolean {
  const own = (schema.meta() as FieldMeta | undefined)?.secret;
  const wrapped = unwrapped(schema);
  return own ?? (wrapped === null ? false : isSecret(wrapped));
}

function inner(schema: z.ZodType): z.ZodType {
  const wrapped = unwrapped(schema);
  return wrapped === null ? schema : inner(wrapped);
}

function unwrapped(schema: z.ZodType): z.ZodType | null {
  const isWrapper =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable;
  return isWrapper ? (schema.unwrap() as z.ZodType) : null;
}
