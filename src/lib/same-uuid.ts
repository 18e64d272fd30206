/** Braces and case vary between Bitbucket's own surfaces (reference/bitbucket-api.md §3.1). */
export function sameUuid(a: string, b: string): boolean {
  return bareUuid(a) === bareUuid(b);
}

/** Without braces, lower case. */
export function bareUuid(uuid: string): string {
  return uuid.replace(/[{}]/g, '').toLowerCase();
}
