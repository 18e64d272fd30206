import type { QueryInterface } from 'sequelize';
import { id, text, maybeText, integer, maybeInteger } from './columns.js';

/** Ids are ULIDs in TEXT; JSON is TEXT; times are Unix ms. */
export async function up(schema: QueryInterface): Promise<void> {
  await createPlaces(schema);
  await createEvents(schema);
  await createDeployments(schema);
  await createQueue(schema);
}

async function createPlaces(schema: QueryInterface): Promise<void> {
  await schema.createTable('workspaces', {
    uuid: id,
    slug: maybeText,
    name: maybeText,
    updated_at: integer,
  });
  await schema.createTable('installations', {
    id,
    door: text,
    external_id: text,
    workspace_uuid: text,
    state: text,
    secret_sealed: maybeText,
    installed_by: maybeText,
    created_at: integer,
    updated_at: integer,
  });
  await schema.addIndex('installations', ['door', 'external_id'], { unique: true });
  await schema.addIndex('installations', ['workspace_uuid']);
  await schema.createTable('sources', {
    id,
    door: text,
    key: text,
    installation_id: maybeText,
    created_at: integer,
  });
  await schema.addIndex('sources', ['door', 'key'], { unique: true });
  await schema.createTable('repositories', {
    id,
    uuid: text,
    workspace_uuid: text,
    full_name: text,
    name: text,
    main_branch: maybeText,
    is_private: integer,
    state: text,
    baseline_at: maybeInteger,
    reconcile_due_at: maybeInteger,
    created_at: integer,
    updated_at: integer,
  });
  await schema.addIndex('repositories', ['uuid'], { unique: true });
  await schema.addIndex('repositories', ['workspace_uuid']);
  await schema.addIndex('repositories', ['reconcile_due_at']);
  await schema.createTable('targets', {
    id,
    repository_id: text,
    backend: text,
    name: text,
    state: text,
    branch_pattern: maybeText,
    tag_pattern: maybeText,
    include_paths: maybeText,
    exclude_paths: maybeText,
    honour_skip_markers: integer,
    settings: text,
    secrets_sealed: maybeText,
    hold: maybeText,
    live_deployment_id: maybeText,
    version: integer,
    created_by: text,
    created_at: integer,
    updated_at: integer,
  });
  await schema.addIndex('targets', ['repository_id']);
  await schema.addIndex('targets', ['backend']);
}

async function createEvents(schema: QueryInterface): Promise<void> {
  await schema.createTable('events', {
    id,
    source_id: text,
    delivery_id: text,
    event_key: text,
    state: text,
    repository_id: maybeText,
    actor: maybeText,
    attempt_number: integer,
    body_digest: text,
    body: maybeText,
    received_at: integer,
  });
  // Within one source a delivery id is one push: what makes a resend harmless.
  await schema.addIndex('events', ['source_id', 'delivery_id'], { unique: true });
  await schema.createTable('ref_changes', {
    id,
    event_id: text,
    position: integer,
    repository_id: text,
    ref_type: text,
    name: text,
    from: maybeText,
    to: maybeText,
    kind: text,
    message: maybeText,
    author: maybeText,
    source_id: text,
    move_key: text,
    occurrence: integer,
    same_as: maybeText,
    created_at: integer,
  });
  await schema.addIndex('ref_changes', ['move_key']);
  await schema.addIndex('ref_changes', ['repository_id', 'id']);
  await schema.addIndex('ref_changes', ['event_id']);
  await schema.createTable('refs', {
    id,
    repository_id: text,
    ref_type: text,
    name: text,
    head: maybeText,
    careful_until: integer,
    unknown_head: maybeText,
    unknown_since: maybeInteger,
    updated_at: integer,
  });
  await schema.addIndex('refs', ['repository_id', 'ref_type', 'name'], { unique: true });
  await schema.createTable('decisions', {
    ref_change_id: id,
    target_id: id,
    outcome: text,
    reason_code: text,
    reason: text,
    deployment_id: maybeText,
    created_at: integer,
  });
}

async function createDeployments(schema: QueryInterface): Promise<void> {
  await schema.createTable('deployments', {
    id,
    page_token: text,
    target_id: text,
    repository_id: text,
    ref_change_id: maybeText,
    slot: text,
    slot_since: integer,
    ref_type: text,
    ref_name: text,
    commit: text,
    message: maybeText,
    author: maybeText,
    cause: text,
    caused_by: maybeText,
    rollback_of: maybeText,
    pending_checks: text,
    state: text,
    reason: maybeText,
    superseded_by: maybeText,
    backend_ref: maybeText,
    url: maybeText,
    progress: maybeText,
    log_tail: maybeText,
    cancel_requested_by: maybeText,
    created_at: integer,
    started_at: maybeInteger,
    finished_at: maybeInteger,
    updated_at: integer,
  });
  await schema.addIndex('deployments', ['page_token'], { unique: true });
  await schema.addIndex('deployments', ['repository_id', 'id']);
  await schema.addIndex('deployments', ['target_id', 'id']);
  await schema.addIndex('deployments', ['target_id', 'slot', 'id']);
  // Only what waits: stays small however long the history grows.
  await schema.addIndex('deployments', ['target_id', 'slot_since'], {
    name: 'deployments_queued',
    where: { state: 'queued' },
  });
}

async function createQueue(schema: QueryInterface): Promise<void> {
  await schema.createTable('lanes', {
    target_id: id,
    repository_id: text,
    workspace_uuid: text,
    due_at: maybeInteger,
    lease_owner: maybeText,
    lease_until: maybeInteger,
    fencing: integer,
    wake_count: integer,
    current_deployment_id: maybeText,
    failures: integer,
  });
  await schema.addIndex('lanes', ['due_at']);
  await schema.createTable('attempts', {
    id,
    deployment_id: text,
    kind: text,
    number: integer,
    fencing: integer,
    started_at: integer,
    finished_at: maybeInteger,
    outcome: maybeText,
    detail: maybeText,
  });
  await schema.addIndex('attempts', ['deployment_id', 'id']);
  await schema.createTable('status_reports', {
    id,
    deployment_id: text,
    repository_id: text,
    commit: text,
    key: text,
    state: text,
    name: text,
    description: text,
    url: text,
    ref_name: maybeText,
    due_at: maybeInteger,
    attempts: integer,
    settled_at: maybeInteger,
    error: maybeText,
    created_at: integer,
  });
  await schema.addIndex('status_reports', ['due_at']);
  await schema.addIndex('status_reports', ['deployment_id']);
}
