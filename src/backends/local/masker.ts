const shortestSecret = 4;
const mask = '••••••';

/** Takes secrets, and the forms they usually travel in, out of text. Grows while a build runs (each new credential). */
export class Masker {
  readonly #forms = new Set<string>();
  #pattern: RegExp | null = null;
  #longest = 0;

  constructor(secrets: readonly string[] = []) {
    for (const secret of secrets) this.add(secret);
  }

  /** Values of one to three characters are left alone: masking them would hide half of every line. */
  add(secret: string): void {
    if (secret.length < shortestSecret) return;
    for (const form of formsOf(secret)) this.#forms.add(form);
    const forms = [...this.#forms].sort((a, b) => b.length - a.length);
    this.#longest = forms[0]?.length ?? 0;
    this.#pattern = new RegExp(forms.map(escapeForPattern).join('|'), 'g');
  }

  /** Length of the longest form: how much of a cut-off line could still become one. */
  get longest(): number {
    return this.#longest;
  }

  apply(text: string): string {
    return this.#pattern === null ? text : text.replace(this.#pattern, mask);
  }
}

function formsOf(secret: string): string[] {
  const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
  for (const core of base64Cores(Buffer.from(secret))) {
    forms.push(core, core.replaceAll('+', '-').replaceAll('/', '_'));
  }
  forms.push(Buffer.from(secret).toString('hex'));
  return forms.filter((form) => form.length >= shortestSecret);
}

/**
 * Inside a longer text (`user:secret`) the base64 of a secret depends on where it starts: three alignments. The characters
 * at either end mix with the neighbours, so only those in between can be recognised.
 */
function base64Cores(secret: Buffer): string[] {
  const cores: string[] = [];
  for (const before of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(before), secret]).toString('base64');
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + secret.length) * 8) / 6);
    const core = encoded.slice(first, last);
    if (core.length >= 6) cores.push(core);
  }
  return cores;
}

export function escapeForPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
