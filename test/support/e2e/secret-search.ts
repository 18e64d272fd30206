import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Needle {
  /** Which secret, in which form. */
  name: string;
  bytes: Buffer;
}

/** Looks for secrets byte by byte, in every form in which they usually travel. */
export class SecretSearch {
  readonly #needles: Needle[] = [];

  add(name: string, secret: string | Buffer): void {
    const raw = Buffer.from(secret);
    if (raw.length < 8) throw new Error(`${name} is too short to be looked for`);
    for (const [form, text] of formsOf(raw)) {
      const bytes = Buffer.from(text);
      if (this.#needles.some((known) => known.bytes.equals(bytes))) continue;
      this.#needles.push({ name: `${name} as ${form}`, bytes });
    }
  }

  /** Names what it found; empty when there is nothing. */
  findIn(content: string | Buffer): string[] {
    const bytes = Buffer.from(content);
    return this.#needles.filter((needle) => bytes.includes(needle.bytes)).map(({ name }) => name);
  }

  /** Every file below the folder, by its path and by what is in it. */
  findInFolder(folder: string): string[] {
    return filesIn(folder).flatMap(({ path, content }) =>
      [...this.findIn(path), ...this.findIn(content)].map((found) => `${path}: ${found}`),
    );
  }
}

/** Regular files with their content, links with where they lead. */
export function filesIn(folder: string): { path: string; content: Buffer }[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const facts = lstatSync(path);
    if (facts.isDirectory()) return filesIn(path);
    return facts.isFile() ? [{ path, content: readFileSync(path) }] : [];
  });
}

function formsOf(raw: Buffer): [string, string | Buffer][] {
  const text = raw.toString('utf8');
  const isText = Buffer.from(text).equals(raw);
  const forms: [string, string | Buffer][] = [
    ['bytes', raw],
    ['hex', raw.toString('hex')],
    ['upper-case hex', raw.toString('hex').toUpperCase()],
  ];
  // Inside a longer text (`user:secret`) base64 depends on where the secret starts; the ends mix with the neighbours.
  for (const before of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(before), raw]).toString('base64');
    const core = encoded.slice(
      Math.ceil((before * 8) / 6),
      Math.floor(((before + raw.length) * 8) / 6),
    );
    forms.push([`base64, after ${before} bytes`, core]);
    forms.push([
      `base64url, after ${before} bytes`,
      core.replaceAll('+', '-').replaceAll('/', '_'),
    ]);
  }
  if (!isText) return forms;
  const html = text.replace(/[&<>"'`=]/g, (char) => `&#x${char.charCodeAt(0).toString(16)};`);
  const quoted = JSON.stringify(text).slice(1, -1);
  forms.push(
    ['percent-encoded', encodeURIComponent(text)],
    ['a form value', new URLSearchParams({ s: text }).toString().slice(2)],
    ['JSON', quoted],
    ['JSON in JSON', JSON.stringify(quoted).slice(1, -1)],
    ['HTML', html],
    [
      'HTML with names',
      text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;'),
    ],
    ['UTF-16', Buffer.from(text, 'utf16le')],
    ['backwards', [...text].reverse().join('')],
  );
  return forms;
}
