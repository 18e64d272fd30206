/** What goes wrong with the next calls that it fits. */
export interface Fault {
  method?: string;
  /** Matches the path without the query. */
  path: RegExp;
  /** How often; default once. */
  times?: number;
  /**
   * `status`: the answer, instead of doing anything. `garbage`: done, but answered 200 with a web page. `drop_before`: the connection
   * breaks and nothing was done; `drop_after`: it was done. `hang`: done, and never answered.
   */
  kind: 'status' | 'garbage' | 'drop_before' | 'drop_after' | 'hang';
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}

export class Faults {
  #list: { fault: Fault; left: number }[] = [];

  add(fault: Fault): void {
    this.#list.push({ fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#list = [];
  }

  take(method: string, path: string): Fault | null {
    const found = this.#list.find(
      ({ fault, left }) => left > 0 && (fault.method ?? method) === method && fault.path.test(path),
    );
    if (!found) return null;
    found.left -= 1;
    return found.fault;
  }
}
