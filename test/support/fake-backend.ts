import { z } from 'zod';
import type {
  Backend,
  BackendCapabilities,
  BackendDeployment,
  BackendTarget,
  CancelResult,
  CheckResult,
  FieldMeta,
  FixResult,
  LookupResult,
  Observation,
  RollbackRequest,
  TriggerOutcome,
  TriggerRequest,
} from '../../src/core/backend.js';

/** A backend whose answers a test decides, call by call; what was asked is kept. */
export class FakeBackend implements Backend {
  readonly id: string = 'fake';
  readonly label: string = 'Fake';
  readonly description = 'Answers as the test says.';
  readonly capabilities: BackendCapabilities = {
    commit: 'exact',
    branch: 'any',
    lookup: true,
    idempotent: true,
    cancel: true,
    rollback: true,
    logs: false,
    tags: true,
  };
  readonly settings = z.object({
    folder: z
      .string()
      .default('.')
      .meta({ label: 'Folder' } satisfies FieldMeta),
    token: z
      .string()
      .min(8, 'At least 8 characters.')
      .optional()
      .meta({ label: 'Token', secret: true } satisfies FieldMeta),
  });

  host?: () => string;
  resume?: (target: BackendTarget) => Promise<FixResult>;
  readonly triggered: TriggerRequest[] = [];
  readonly rolledBack: RollbackRequest[] = [];
  readonly lookedUp: BackendDeployment[] = [];
  readonly cancelled: BackendDeployment[] = [];
  readonly removed: string[] = [];

  /** Used up one by one; the last one stays. */
  onTrigger: (() => TriggerOutcome | Promise<TriggerOutcome>)[] = [];
  onObserve: ((deployment: BackendDeployment) => Observation)[] = [];
  onLookup: LookupResult = { kind: 'absent' };
  onCheck: CheckResult = { ok: true };
  onCancel: CancelResult = { kind: 'cancelled' };

  check(): Promise<CheckResult> {
    return Promise.resolve(this.onCheck);
  }

  async trigger(request: TriggerRequest): Promise<TriggerOutcome> {
    this.triggered.push(request);
    const answer = next(this.onTrigger);
    return answer ? answer() : { kind: 'accepted', backendRef: `ref-${request.deploymentId}` };
  }

  observe(deployment: BackendDeployment): Promise<Observation> {
    const answer = next(this.onObserve);
    return Promise.resolve(
      answer ? answer(deployment) : { state: 'live', url: 'http://fake.example/' },
    );
  }

  lookup(request: BackendDeployment): Promise<LookupResult> {
    this.lookedUp.push(request);
    return Promise.resolve(this.onLookup);
  }

  cancel(deployment: BackendDeployment): Promise<CancelResult> {
    this.cancelled.push(deployment);
    return Promise.resolve(this.onCancel);
  }

  rollback(request: RollbackRequest): Promise<TriggerOutcome> {
    this.rolledBack.push(request);
    return Promise.resolve({ kind: 'accepted', backendRef: `ref-${request.deploymentId}` });
  }

  remove(target: { id: string }): Promise<void> {
    this.removed.push(target.id);
    return Promise.resolve();
  }
}

function next<T>(answers: T[]): T | undefined {
  return answers.length > 1 ? answers.shift() : answers[0];
}
