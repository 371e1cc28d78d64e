import type { Call } from '../call/call.js';

/** What the HTTP interface reads from, in its own words; `redis/` implements it. Cursors are opaque to callers. */

export interface CallReader {
  get(id: string): Promise<Call | null>;
  /**
   * Newest first.
   * @param cursor `next` of the page before; null for the first
   * @returns `next` null where nothing follows
   * @throws GatewayError GW_ERR_BAD_REQUEST for a cursor that it did not give out
   */
  list(cursor: string | null, limit: number): Promise<{ calls: Call[]; next: string | null }>;
}

export interface EventReader {
  /**
   * Oldest first.
   * @param cursor of the last event the caller has; null for the oldest that is kept
   * @returns `body` is the event's JSON exactly as it was delivered
   */
  after(cursor: string | null, limit: number): Promise<{ events: { cursor: string; body: string }[] }>;
}

/** Whether new calls can be taken, and where not, why. */
export interface Readiness {
  ready: boolean;
  /** `redis`, `drachtio`, `media`, `draining` …; the detail is shown to anybody who asks. */
  checks: Record<string, { ok: boolean; detail?: string }>;
}

export interface MetricsPage {
  readonly contentType: string;
  render(): Promise<string>;
}
