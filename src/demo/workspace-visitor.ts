/** Uses the workspace's page as its own script does: the signed address once, then calls with the page's session token. */
export class WorkspaceVisitor {
  readonly #origin: string;
  readonly #session: string;

  private constructor(origin: string, session: string) {
    this.#origin = origin;
    this.#session = session;
  }

  static async open(signedUrl: string): Promise<WorkspaceVisitor> {
    const response = await fetch(signedUrl);
    const session = /<meta name="slipway-session" content="([^"]+)"/.exec(
      await response.text(),
    )?.[1];
    if (!response.ok || session === undefined) {
      throw new Error(`the workspace's page answered ${response.status} and no session`);
    }
    return new WorkspaceVisitor(new URL(signedUrl).origin, session);
  }

  /** Adds the workspace's first connection; returns its id. */
  async connect(fields: Record<string, string>): Promise<string> {
    const response = await fetch(`${this.#origin}/panel/workspace/actions/connections/save`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#session}` },
      body: new URLSearchParams({ connectionId: '', expectedVersion: '0', ...fields }),
    });
    const id = /data-connection="([^"]+)"/.exec(await response.text())?.[1];
    if (!response.ok || id === undefined) {
      throw new Error(`the workspace's page refused the connection with ${response.status}`);
    }
    return id;
  }
}
