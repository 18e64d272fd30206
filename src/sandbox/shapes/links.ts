import { encodePath } from '../http/router.js';
import type { JsonObject } from '../json.js';

/** Every URL the sandbox puts into payloads and answers. One origin plays both hosts. */
export class Links {
  readonly origin: string;

  constructor(origin: string) {
    this.origin = origin;
  }

  api(path: string): string {
    return `${this.origin}/2.0${path}`;
  }

  html(path: string): string {
    return `${this.origin}${path}`;
  }

  /** `/repositories/acme/site/…`; parts of `rest` keep their slashes. */
  repositoryApi(fullName: string, ...rest: string[]): string {
    return this.api(`/repositories/${[fullName, ...rest.map(encodePath)].join('/')}`);
  }

  repositoryHtml(fullName: string, ...rest: string[]): string {
    return this.html(`/${[fullName, ...rest.map(encodePath)].join('/')}`);
  }

  /** Initials as a picture, like the default avatars; served by the sandbox itself. */
  avatar(name: string): string {
    return this.html(`/_avatar/${encodeURIComponent(name)}`);
  }
}

/** `{self: "…"}` → `{self: {href: "…"}}`. */
export function hrefs(targets: Record<string, string>): JsonObject {
  return Object.fromEntries(Object.entries(targets).map(([name, href]) => [name, { href }]));
}
