/** What the control API shows of an event on its way to one subscriber. */
export interface Attempt {
  number: number;
  at: string;
  duration_ms: number;
  /** As sent, with the credential masked. */
  request_headers: Record<string, string>;
  status: number | null;
  response_body: string;
  error: string | null;
}

export type DeliveryState =
  'waiting' | 'held' | 'sending' | 'delivered' | 'failed' | 'dropped' | 'too_large' | 'cancelled';

export interface Delivery {
  id: string;
  event: string;
  repository: string;
  hook_uuid: string;
  request_uuid: string;
  url: string;
  owner: string;
  state: DeliveryState;
  created_at: string;
  /** The id of the delivery that this one repeats. */
  resend_of: string | null;
  bytes: number;
  body: string;
  attempts: Attempt[];
}
