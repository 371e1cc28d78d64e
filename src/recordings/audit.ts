/** Who did what with a recording, or took a caller from a colleague, for the auditor. */

export const AUDIT_ACTIONS = [
  'recording.play',
  'recording.download',
  'recording.share',
  'recording.hold',
  'recording.release',
  'recording.delete',
  'recording.control',
  'turn.end',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** `key`: of `access.keys`. `user`: of the console. `link`: who holds a shared link, by its id. `gateway`: the gateway by itself. */
export interface AuditActor {
  kind: 'key' | 'user' | 'link' | 'gateway';
  name: string;
}

export interface AuditLine {
  /** ISO 8601. */
  at: string;
  action: AuditAction;
  who: AuditActor;
  /** Address of the client; null for the gateway itself. */
  from: string | null;
  /** null where the line is about many calls. */
  call: string | null;
  site: string | null;
  /** What the action was about, like `{ format: "mp3" }`. */
  detail: Record<string, string | number | boolean | null>;
}

export interface AuditQuery {
  /** Of the last line of the page before. */
  cursor: string | null;
  limit: number;
  /** Lines about this call only. */
  call: string | null;
  /** Lines about these sites only; null: all. */
  sites: readonly string[] | null;
}

export interface AuditPage {
  /** The newest first. */
  lines: (AuditLine & { id: string })[];
  /** null where nothing follows. A page may be short, or empty, and go on all the same. */
  next: string | null;
}

export interface AuditLog {
  /**
   * False where the line only goes on with an earlier one.
   * @param once lines of one subject within `forMs` of one another are one line: a player asks for many ranges
   */
  write(line: AuditLine, once?: { subject: string; forMs: number }): Promise<boolean>;
  read(query: AuditQuery): Promise<AuditPage>;
}
