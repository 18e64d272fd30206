import { z } from 'zod';
import type { Backend, FieldMeta } from '../../../core/backend.js';

export type InputKind = 'text' | 'password' | 'textarea' | 'number' | 'checkbox' | 'select';

export interface FieldView {
  /** Name of the input: `settings.<field>` for a backend's own. */
  name: string;
  id: string;
  label: string;
  help: string | null;
  placeholder: string | null;
  kind: InputKind;
  value: string;
  checked: boolean;
  options: { value: string; label: string; selected: boolean }[];
  required: boolean;
  maxLength: number | null;
  min: number | null;
  max: number | null;
  /** Monospace, no spell check: code rather than prose. */
  isCode: boolean;
  rows: number;
  list: string | null;
  error: string | null;
  secret: boolean;
  /** A secret that is (or may be) stored: empty keeps it, and it can be removed. */
  stored: boolean;
  clearName: string | null;
  clearChecked: boolean;
  advanced: boolean;
  /** Chosen from what the connection lists. */
  listed: boolean;
}

/** What a form shows of a target's settings: stored values, or what was typed when the form comes back. */
export interface FieldValues {
  idPrefix: string;
  stored: Readonly<Record<string, unknown>>;
  hasStoredSecrets: boolean;
  /** Null: nothing was typed yet. */
  typed: ReadonlyMap<string, string> | null;
  errors: Readonly<Record<string, string>>;
  /** False: a stored secret can be replaced, but not taken away. Default true. */
  canClear?: boolean;
}

export interface SettingDescription {
  key: string;
  meta: FieldMeta;
  type: 'string' | 'number' | 'boolean';
  options: string[];
  required: boolean;
  defaultValue: unknown;
  maxLength: number | null;
  min: number | null;
  max: number | null;
}

const described = new WeakMap<z.ZodObject, SettingDescription[]>();

/** Through JSON schema: it sees through defaults, optionals and transforms, and carries the `.meta()` of each field. */
export function describeSettings(schema: z.ZodObject): SettingDescription[] {
  const known = described.get(schema);
  if (known) return known;
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const required = new Set(json.required ?? []);
  const list = Object.entries(json.properties ?? {}).map(([key, property]) =>
    describe(key, typeof property === 'object' ? property : {}, required.has(key)),
  );
  described.set(schema, list);
  return list;
}

type Property = Record<string, unknown>;

function describe(key: string, property: Property, required: boolean): SettingDescription {
  const meta: FieldMeta = { label: key, ...metaOf(property) };
  const options = Array.isArray(property['enum']) ? property['enum'].map(String) : [];
  return {
    key,
    meta,
    type: typeOf(property, meta),
    options,
    required,
    defaultValue: property['default'],
    maxLength: numberOf(property['maxLength']),
    min: numberOf(property['minimum'] ?? property['exclusiveMinimum']),
    max: boundOf(property['maximum'] ?? property['exclusiveMaximum']),
  };
}

const metaShape = z.object({
  label: z.string().optional(),
  help: z.string().optional(),
  placeholder: z.string().optional(),
  input: z.enum(['text', 'textarea', 'number', 'checkbox', 'select', 'environment']).optional(),
  secret: z.boolean().optional(),
  advanced: z.boolean().optional(),
  listed: z.boolean().optional(),
  choices: z.record(z.string(), z.string()).optional(),
});

function metaOf(property: Property): Partial<FieldMeta> {
  const parsed = metaShape.safeParse(property).data ?? {};
  return Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== undefined));
}

function typeOf(property: Property, meta: FieldMeta): SettingDescription['type'] {
  if (meta.input === 'checkbox' || property['type'] === 'boolean') return 'boolean';
  const isNumber = property['type'] === 'number' || property['type'] === 'integer';
  return meta.input === 'number' || isNumber ? 'number' : 'string';
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

/** Zod writes the largest safe integer as a bound of every integer; that helps nobody. */
function boundOf(value: unknown): number | null {
  return value === Number.MAX_SAFE_INTEGER ? null : numberOf(value);
}

export function settingsFields(backend: Backend, values: FieldValues): FieldView[] {
  return schemaFields(backend.settings, values);
}

export function schemaFields(schema: z.ZodObject, values: FieldValues): FieldView[] {
  return describeSettings(schema).map((setting) => fieldView(setting, values));
}

function fieldView(setting: SettingDescription, values: FieldValues): FieldView {
  const { key, meta } = setting;
  const name = `settings.${key}`;
  const secret = meta.secret === true;
  const value = secret ? '' : shownValue(setting, values);
  const stored = secret && values.hasStoredSecrets;
  const kind = inputKind(setting);
  return {
    ...emptyField,
    name,
    id: `${values.idPrefix}-settings-${key}`,
    label: meta.label,
    help: meta.help ?? null,
    placeholder: stored ? 'unchanged' : (meta.placeholder ?? null),
    kind,
    value,
    checked: kind === 'checkbox' && value === 'true',
    options: options(setting, value),
    required: setting.required && kind !== 'checkbox' && !stored,
    maxLength: setting.maxLength,
    min: setting.min,
    max: setting.max,
    isCode: meta.input === 'environment',
    rows: meta.input === 'environment' ? 5 : 4,
    error: values.errors[name] ?? values.errors[key] ?? null,
    secret,
    stored,
    clearName: stored && values.canClear !== false ? `clear.${key}` : null,
    clearChecked: values.typed?.get(`clear.${key}`) === 'true',
    advanced: meta.advanced === true,
    listed: meta.listed === true,
  };
}

export const emptyField: FieldView = {
  name: '',
  id: '',
  label: '',
  help: null,
  placeholder: null,
  kind: 'text',
  value: '',
  checked: false,
  options: [],
  required: false,
  maxLength: null,
  min: null,
  max: null,
  isCode: false,
  rows: 4,
  list: null,
  error: null,
  secret: false,
  stored: false,
  clearName: null,
  clearChecked: false,
  advanced: false,
  listed: false,
};

function inputKind(setting: SettingDescription): InputKind {
  const { meta } = setting;
  if (setting.type === 'boolean') return 'checkbox';
  if (setting.options.length > 0) return 'select';
  if (meta.input === 'environment' || meta.input === 'textarea') return 'textarea';
  if (meta.secret === true) return 'password';
  return setting.type === 'number' ? 'number' : 'text';
}

function shownValue(setting: SettingDescription, values: FieldValues): string {
  if (values.typed !== null) return values.typed.get(`settings.${setting.key}`) ?? '';
  return asText(values.stored[setting.key] ?? setting.defaultValue);
}

/** Environments may be stored as an object; people edit them as lines. */
function asText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map(String).join('\n');
  if (typeof value === 'object') {
    return Object.entries(value)
      .map(([name, one]) => `${name}=${String(one)}`)
      .join('\n');
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function options(setting: SettingDescription, value: string): FieldView['options'] {
  const optional = setting.required || setting.defaultValue !== undefined ? [] : [''];
  return [...optional, ...setting.options].map((option) => ({
    value: option,
    label: option === '' ? 'Choose' : (setting.meta.choices?.[option] ?? option),
    selected: option === value,
  }));
}
