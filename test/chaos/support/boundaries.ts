/** The places of design.md §2 where a process can be killed on purpose. */
export const boundaries = [
  /** The event has been sent, nothing is answered: before, in or after the commit of step 3. */
  'received',
  /** 204 has arrived. */
  'answered',
  /** The lane is leased, the trigger planned, and Bitbucket is asked for the clone credential. */
  'claimed',
  /** A pending decision is being completed: Bitbucket is asked for the head. */
  'checking',
  /** The backend has the request and has not decided what to do. */
  'triggering',
  /** The backend has accepted and not answered. */
  'accepted',
  /** The backend's answer is out, and not settled yet. */
  'triggered',
  /** The backend is asked whether it has an unanswered deployment. */
  'lookup',
  /** A report of the backend is on its way. */
  'reporting',
  /** A report of the backend was answered. */
  'reported',
  /** Bitbucket has the build status and has not answered. */
  'status',
  /** The server is starting: lock, migrations, take-over. */
  'starting',
  /** At any moment. */
  'random',
] as const;

export type Boundary = (typeof boundaries)[number];

/** Where a boundary holds what it stops until it is released; the others only tell that they were passed. */
const holding: ReadonlySet<Boundary> = new Set([
  'claimed',
  'checking',
  'triggering',
  'accepted',
  'lookup',
  'status',
]);

interface Armed {
  boundary: Boundary;
  met: () => void;
  held: Promise<void>;
}

/** Lets the harness wait for the moment in which some part of the outer world stands at a boundary. */
export class Boundaries {
  #armed: Armed | null = null;

  /** The next one that comes to the boundary is told of; it stays there until `release`. */
  arm(boundary: Boundary): { met: Promise<void>; release: () => void } {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const met = new Promise<void>((resolve) => {
      this.#armed = { boundary, met: resolve, held };
    });
    return {
      met,
      release: () => {
        this.#armed = null;
        release();
      },
    };
  }

  /** Called by the fakes wherever they stand at one; resolves to whether they were held there. */
  async pass(boundary: Boundary): Promise<boolean> {
    const armed = this.#armed;
    if (armed?.boundary !== boundary) return false;
    this.#armed = null;
    armed.met();
    if (!holding.has(boundary)) return false;
    await armed.held;
    return true;
  }
}
