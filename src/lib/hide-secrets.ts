/** Shorter ones are words, and blotting out every "a" would leave nothing to read. */
const minSecretLength = 6;

/**
 * Every text by which a secret could be recognised: the values themselves, their lines, what stands behind a `=` in a line (an
 * environment), the parts of an address (a deploy hook is a secret in its path or query), and each of these as JSON, an
 * address and base64 would write it.
 */
export function secretTexts(secrets: unknown): string[] {
  const found = new Set<string>();
  for (const value of stringsIn(secrets)) {
    for (const piece of piecesOf(value)) {
      if (piece.length < minSecretLength) continue;
      for (const written of spellings(piece)) found.add(written);
    }
  }
  // The longest first: a secret may begin like another one.
  return [...found].sort((a, b) => b.length - a.length);
}

/** `texts` as `secretTexts` gives them. */
export function hideSecrets(text: string, texts: readonly string[]): string {
  let clean = text;
  for (const secret of texts) {
    if (secret.length >= minSecretLength) clean = clean.replaceAll(secret, '[hidden]');
  }
  return clean;
}

const secretName = String.raw`(?:token|secret|password|passwd|api_?key|private_?key|authorization|signature|jwt)s?`;
const jsonPair = new RegExp(
  String.raw`("[^"\\]{0,60}${secretName}"\s*:\s*)"(?:[^"\\]|\\.)*"?`,
  'gi',
);
const formPair = new RegExp(String.raw`((?:^|[&?\s])[^=&?\s"]{0,60}${secretName}=)[^&\s"]+`, 'gi');

/** Values whose name says that they are secret, in JSON or a form; also those that nobody told us of. */
export function hideByName(text: string): string {
  return text
    .replace(jsonPair, '$1"[hidden]"')
    .replace(formPair, '$1[hidden]')
    .replace(/\b(Bearer|Basic|JWT)\s+[\w.~+/=-]{6,}/gi, '$1 [hidden]')
    .replace(/([a-z][a-z0-9+.-]{0,19}:\/\/)[^\s/@"]+@/gi, '$1[hidden]@');
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(stringsIn);
}

function piecesOf(value: string): string[] {
  const lines = value.split(/\r?\n/).map((line) => line.trim());
  const behind = lines.flatMap((line) => (line.includes('=') ? [line.replace(/^[^=]*=/, '')] : []));
  // `whsec_…`, `dop_v1_…`: the part that is the key may be quoted without its prefix.
  const bare = lines.map((line) => line.replace(/^(?:[a-z0-9]{1,8}_)+/, ''));
  return [value, ...lines, ...behind, ...bare, ...lines.flatMap(partsOfAddress)];
}

function partsOfAddress(text: string): string[] {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return [];
  const { pathname, searchParams, username, password } = new URL(text);
  return [...pathname.split('/'), ...searchParams.values(), username, password].filter(
    (part) => part.length >= 2 * minSecretLength,
  );
}

function spellings(text: string): string[] {
  const base64 = Buffer.from(text).toString('base64').replace(/=+$/, '');
  return [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    base64,
    base64.replaceAll('+', '-').replaceAll('/', '_'),
  ];
}
