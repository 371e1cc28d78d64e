import type { ConsoleRole } from '../config/schema.js';
import { isAmong } from '../lib/sites.js';

/** Who works with the console, as its pages see him. */
export interface ConsoleUser {
  name: string;
  role: ConsoleRole;
  /** Whose calls he may see; null: of all sites, and of none. */
  sites: readonly string[] | null;
}

/**
 * Who may do what: the one place where it stands. Every route of the console names one of these, and
 * docs/console.md shows the same table (a test compares).
 */
export const PERMISSIONS = {
  /** Any log-in: start page, language, log-out. */
  self: ['agent', 'supervisor', 'ops', 'auditor'],
  /** Search and look at calls. */
  'calls:read': ['agent', 'supervisor', 'ops'],
  /** Tags, notes, "handled", whose it was, the queue of missed calls. */
  'calls:edit': ['agent', 'supervisor'],
  /** Ending what somebody else has said, that he calls a missed caller back. */
  'turns:end': ['supervisor'],
  'calls:export': ['supervisor'],
  'recordings:play': ['agent', 'supervisor'],
  'recordings:share': ['agent', 'supervisor'],
  /** Pause, mask, stop while the talk goes on. */
  'recordings:control': ['agent', 'supervisor'],
  /** Put under a legal hold, and release from it. */
  'recordings:hold': ['supervisor'],
  'recordings:delete': ['supervisor'],
  operators: ['supervisor'],
  /** Calls in progress and channels in use. */
  live: ['supervisor', 'ops'],
  /** Charts and advice on lines and trunks. */
  capacity: ['supervisor', 'ops'],
  /** Deliveries of events to the CRM. */
  deliveries: ['supervisor', 'ops'],
  /** Sending them again. */
  'deliveries:replay': ['ops'],
  audit: ['auditor'],
} as const satisfies Record<string, readonly ConsoleRole[]>;

export type Permission = keyof typeof PERMISSIONS;

export function may(user: Pick<ConsoleUser, 'role'>, permission: Permission): boolean {
  return (PERMISSIONS[permission] as readonly ConsoleRole[]).includes(user.role);
}

export function maySee({ sites }: Pick<ConsoleUser, 'sites'>, site: string | null): boolean {
  return isAmong(sites, site);
}
