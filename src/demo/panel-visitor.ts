/** One deployment as its row in the panel says. */
export interface DeploymentRow {
  id: string;
  state: string;
  commit: string;
  cause: string;
  reason: string | null;
  /** Address of what is served, while it is live. */
  url: string | null;
  /** The page behind the build status. */
  page: string;
  /** "Building: npm run build", while it runs. */
  progress: string | null;
}

/** Uses the panel as its own page does: the signed address once, then fragments and actions with the page's session token. */
export class PanelVisitor {
  readonly #origin: string;
  readonly #session: string;

  private constructor(origin: string, session: string) {
    this.#origin = origin;
    this.#session = session;
  }

  static async open(signedUrl: string): Promise<PanelVisitor> {
    const response = await fetch(signedUrl);
    const html = await response.text();
    const session = /<meta name="slipway-session" content="([^"]+)"/.exec(html)?.[1];
    if (!response.ok || session === undefined) {
      throw new Error(`the panel answered ${response.status} and no session: ${textOf(html)}`);
    }
    return new PanelVisitor(new URL(signedUrl).origin, session);
  }

  /** Returns the id of the target. */
  async saveTarget(fields: Record<string, string>): Promise<string> {
    const response = await this.#act('target/save', {
      targetId: '',
      expectedVersion: '0',
      ...fields,
    });
    return response.headers.get('x-slipway-target') ?? '';
  }

  async deploy(targetId: string, refName: string): Promise<void> {
    await this.#act('deploy', { targetId, refType: 'branch', refName });
  }

  async deployments(): Promise<DeploymentRow[]> {
    const response = await fetch(`${this.#origin}/panel/fragments/deployments`, {
      headers: { authorization: `Bearer ${this.#session}` },
    });
    const html = await response.text();
    if (!response.ok) throw new Error(`the panel answered ${response.status}: ${textOf(html)}`);
    return (
      html
        .split('<li ')
        .slice(1)
        // The fragment brings the list of pushes along; its entries are no deployments.
        .filter((row) => attribute(row, 'data-deployment') !== null)
        .map((row) => ({
          id: attribute(row, 'data-deployment') ?? '',
          state: attribute(row, 'data-state') ?? '',
          commit: attribute(row, 'data-commit') ?? '',
          cause: attribute(row, 'data-cause') ?? '',
          reason: emptyIsNull(attribute(row, 'data-reason')),
          url: emptyIsNull(attribute(row, 'data-url')),
          page: attribute(row, 'data-page') ?? '',
          progress: emptyIsNull(attribute(row, 'data-progress')),
        }))
    );
  }

  async #act(action: string, fields: Record<string, string>): Promise<Response> {
    const response = await fetch(`${this.#origin}/panel/actions/${action}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#session}` },
      body: new URLSearchParams(fields),
    });
    if (!response.ok) {
      const why = textOf(await response.text());
      throw new Error(`the panel refused ${action} with ${response.status}: ${why}`);
    }
    return response;
  }
}

function attribute(html: string, name: string): string | null {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(html)?.[1];
  return value === undefined ? null : unescaped(value);
}

function unescaped(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"' };
  return text.replace(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (whole, hex?: string, dec?: string, name?: string) => {
      if (hex !== undefined) return String.fromCodePoint(parseInt(hex, 16));
      if (dec !== undefined) return String.fromCodePoint(Number(dec));
      return named[name ?? ''] ?? whole;
    },
  );
}

function emptyIsNull(text: string | null): string | null {
  return text === '' ? null : text;
}

/** What a person would read of a page, cut short: for error messages. */
function textOf(html: string): string {
  return unescaped(html.replace(/<(script|style)[\s\S]*?<\/\1>/g, ' ').replace(/<[^>]+>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
}
