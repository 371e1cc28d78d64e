import { withDeadline } from '../../lib/deadline.js';
import { isId } from '../../lib/ids.js';
import type { AuditPage } from '../../recordings/audit.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import type { Visit } from '../visit.js';

const PAGE = 100;
const READ_TIMEOUT_MS = 5_000;

/** Who heard, shared, held and deleted which recording. Nobody can change it here. */
export function auditRoutes({ recordings }: Pick<ConsoleOptions, 'recordings'>): Route[] {
  const show = async (visit: Visit): Promise<void> => {
    const asked = visit.query('call');
    // What is no id has no lines.
    const call = asked === undefined ? null : isId(asked) ? asked : '-';
    const cursor = visit.query('cursor') ?? null;
    const reading = recordings.audit.read({ cursor, limit: PAGE, call, sites: visit.siteScope });
    const { lines, next } = await withDeadline(reading, READ_TIMEOUT_MS, 'reading the audit log');
    const older = new URLSearchParams({ ...(asked !== undefined && { call: asked }), cursor: next ?? '' });
    visit.page(visit.partial && cursor !== null ? 'parts/audit-rows' : 'audit', {
      asked: asked ?? '',
      rows: lines.map((line) => auditRow(visit, line)),
      older: next === null ? null : `/audit?${older.toString()}`,
    });
  };
  return [{ method: 'get', path: '/audit', needs: 'audit', handle: show }];
}

function auditRow(visit: Visit, { at, who, action, from, call, site, detail }: AuditPage['lines'][number]) {
  return {
    at: visit.format.time(at),
    who: `${visit.t(`audit.kind.${who.kind}`)} ${who.name}`,
    action: visit.name('audit.action', action),
    from: from ?? '',
    call: call ?? '',
    site: site ?? '',
    detail: detailWords(visit, detail),
  };
}

/** What the line is about, in the words of the pages; what they have none for stays as it is. */
function detailWords(visit: Visit, detail: AuditPage['lines'][number]['detail']): string {
  const words = Object.entries(detail).map(([name, value]) => {
    const label = visit.name('audit.detail', name);
    if (typeof value === 'boolean') return value ? label : '';
    const text = String(value);
    if (name === 'expiresAt') return `${label}: ${visit.format.minute(text)}`;
    const prefix = name === 'action' ? 'control' : name;
    return `${label}: ${visit.name(prefix, text)}`;
  });
  return words.filter((text) => text !== '').join(', ');
}
