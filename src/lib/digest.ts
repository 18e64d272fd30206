import { hash } from 'node:crypto';

/** Short fingerprint of a text, for keys that only need to be equal or not: 132 bits, URL-safe. */
export function digest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}
