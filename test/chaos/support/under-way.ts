/** Work that goes on beside the rounds, so that the end can wait for it. */
export class UnderWay {
  readonly #work = new Set<Promise<unknown>>();

  add(work: Promise<unknown>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  get count(): number {
    return this.#work.size;
  }

  /** Settles when nothing is under way, also nothing that came meanwhile. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }
}

/** Open or closed; whoever comes while it is closed waits for it. */
export class Door {
  #open: Promise<void>;
  #opened: () => void = () => undefined;
  #isOpen = false;

  constructor() {
    this.#open = this.#closed();
  }

  open(): void {
    this.#isOpen = true;
    this.#opened();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#open = this.#closed();
  }

  passed(): Promise<void> {
    return this.#open;
  }

  #closed(): Promise<void> {
    return new Promise((resolve) => (this.#opened = resolve));
  }
}
