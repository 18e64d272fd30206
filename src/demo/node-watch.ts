/** Which node did what, by what the nodes log. */
export class NodeWatch {
  #receivedBy: number | null = null;
  readonly #deployedBy = new Map<string, number>();

  hear(line: string, node: number): void {
    if (!line.startsWith('{')) return;
    const { msg, deployments, step, commit } = JSON.parse(line) as Record<string, unknown>;
    if (msg === 'event.received' && Number(deployments) > 0) this.#receivedBy ??= node;
    if (msg === 'lane.stepped' && step === 'trigger') this.#deployedBy.set(String(commit), node);
  }

  /** What comes now is about the next push. */
  forget(): void {
    this.#receivedBy = null;
  }

  of(commit: string): { received_by: number | null; deployed_by: number | null } {
    return { received_by: this.#receivedBy, deployed_by: this.#deployedBy.get(commit) ?? null };
  }
}
