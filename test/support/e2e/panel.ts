export interface PanelAnswer {
  status: number;
  html: string;
}

/** The panel as raw HTML, for tests that look at every byte of it. */
export class RawPanel {
  readonly html: string;
  readonly session: string;
  readonly #origin: string;

  private constructor(origin: string, html: string, session: string) {
    this.#origin = origin;
    this.html = html;
    this.session = session;
  }

  static async open(signedUrl: string): Promise<RawPanel> {
    const response = await fetch(signedUrl);
    const html = await response.text();
    const session = /<meta name="slipway-session" content="([^"]+)"/.exec(html)?.[1];
    if (session === undefined) throw new Error(`the panel answered ${response.status}: ${html}`);
    return new RawPanel(new URL(signedUrl).origin, html, session);
  }

  fragment(name: string, query: Record<string, string> = {}): Promise<PanelAnswer> {
    const search = new URLSearchParams(query).toString();
    return this.#ask(`/panel/fragments/${name}?${search}`, {});
  }

  act(action: string, fields: Record<string, string>): Promise<PanelAnswer> {
    const body = new URLSearchParams(fields);
    return this.#ask(`/panel/actions/${action}`, { method: 'POST', body });
  }

  async #ask(path: string, init: RequestInit): Promise<PanelAnswer> {
    const headers = { authorization: `Bearer ${this.session}` };
    const response = await fetch(`${this.#origin}${path}`, { ...init, headers });
    return { status: response.status, html: await response.text() };
  }
}

/** What a person reads: tags away, entities back. */
export function textOfHtml(html: string): string {
  return unescapeHtml(html.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ');
}

export function unescapeHtml(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"' };
  return text.replace(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (hex !== undefined) return String.fromCodePoint(parseInt(hex, 16));
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
      return named[name ?? ''] ?? whole;
    },
  );
}
