import { createHash } from 'node:crypto';

/** Over what matters: "3 min ago" and a running duration change all the time, and the page's script keeps them right itself. */
export function etagOf(html: string): string {
  const lasting = html.replace(/(<(?:time|span data-since)[^>]*>)[^<]*/g, '$1');
  return `"${createHash('sha256').update(lasting).digest('base64url').slice(0, 27)}"`;
}
