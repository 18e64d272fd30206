/** One ref change, as Bitbucket has it: the truth that deploys are held against. Numbers grow in push order. */
export interface PushLine {
  number: number;
  at: number;
  /** `X-Request-UUID` of the event that tells of it. */
  event: string;
  repository: string;
  refType: 'branch' | 'tag';
  name: string;
  from: string | null;
  /** Null: deleted. */
  to: string | null;
  /** Its message asks for no deploy. */
  isSkipped: boolean;
}

/** One 204. From here on Slipway answers for the push. */
export interface AckLine {
  /** What it told of. */
  event: string;
  /** The `X-Request-UUID` under which it did; not the event's own where somebody replayed it. */
  delivery: string;
  at: number;
}

/** One build status that was written. */
export interface StatusLine {
  at: number;
  repository: string;
  commit: string;
  key: string;
  state: string;
}

/** Bitbucket, as far as the rounds need it; a fake of our own (fast) or the sandbox (real git). */
export interface Hub {
  readonly url: string;
  readonly repositories: readonly string[];
  /** Whether the boundaries in calls to Bitbucket can be met. */
  readonly knowsBoundaries: boolean;
  start(): Promise<void>;
  install(server: string): Promise<void>;
  panelUrl(server: string, repository: string): Promise<string>;
  /** Pushes of one round, with everything that befalls their events; resolves when the last push was made. */
  play(round: number): Promise<void>;
  /** No more faults. */
  calm(): Promise<void>;
  /** Settles when no event is on its way any more. */
  idle(): Promise<void>;
  truth(): Promise<{ pushes: PushLine[]; acks: AckLine[]; statuses: StatusLine[] }>;
  readonly figures: HubFigures;
  stop(): Promise<void>;
}

export interface HubFigures {
  /** Requests with events, whatever became of them. */
  deliveries: number;
  /** Answered with anything but 204 and 5xx: never right here. */
  refused: number;
}
