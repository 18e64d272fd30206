import { isObject, type Json, type JsonObject } from '../json.js';
import { pathProblem, type FileContent } from '../git/write-commits.js';
import { ControlError } from './call.js';

/** `{path: "text" | {base64} | null}`; null deletes. */
export function filesFrom(value: Json | undefined): Map<string, FileContent> {
  const files = new Map<string, FileContent>();
  if (value === undefined || value === null) return files;
  if (!isObject(value)) throw new ControlError(400, 'files must be an object');
  for (const [path, content] of Object.entries(value)) {
    const problem = pathProblem(path);
    if (problem !== undefined) throw new ControlError(400, problem);
    files.set(path, contentFrom(path, content));
  }
  return files;
}

function contentFrom(path: string, content: Json): FileContent {
  if (content === null) return null;
  if (typeof content === 'string') return Buffer.from(content);
  if (isObject(content) && typeof content['base64'] === 'string') {
    return Buffer.from(content['base64'], 'base64');
  }
  throw new ControlError(400, `the content of "${path}" must be a string, {base64} or null`);
}

export function textFrom(input: JsonObject, name: string): string | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new ControlError(400, `${name} must be a string`);
  return value;
}
