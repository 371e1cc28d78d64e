import type { z } from 'zod';
import { MAX_NOTE, MAX_TAG, noteText, tagName } from '../../call/amendments.js';
import type { Call } from '../../call/call.js';
import type { CallEditor } from '../../http/ports.js';
import { withDeadline } from '../../lib/deadline.js';
import { GatewayError, type Refusal } from '../../lib/errors.js';
import { valueOf } from '../i18n/index.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import type { Visit } from '../visit.js';
import { remarks } from './call.js';
import { callOf } from './one-call.js';

const WRITE_TIMEOUT_MS = 5_000;
const TAG: Refusal = { reason: 'tag', values: { most: MAX_TAG } };
const NOTE: Refusal = { reason: 'note', values: { most: MAX_NOTE } };
type Change = Parameters<CallEditor['amend']>[1];
type Options = Pick<ConsoleOptions, 'calls' | 'callEditor' | 'history'>;

/** What people write into a call: tags, notes, "taken care of". */
export function callEditRoutes(options: Options): Route[] {
  const route = (path: string, changeOf: (visit: Visit) => Change): Route => ({
    method: 'post',
    path: `/calls/:id/${path}`,
    needs: 'calls:edit',
    handle: (visit) => change(visit, options, changeOf(visit)),
  });
  return [
    route('tags', (visit) => ({ kind: 'tag', name: valueOf('tag', read(tagName, visit.field('name'), TAG)) })),
    route('untag', (visit) => ({ kind: 'untag', name: visit.field('name').slice(0, 256) })),
    route('notes', (visit) => ({
      kind: 'note',
      text: read(noteText, visit.field('text').replaceAll('\r\n', '\n'), NOTE),
    })),
    route('handled', (visit) => ({ kind: 'handled', handled: visit.field('handled') === 'yes' })),
  ];
}

async function change(visit: Visit, options: Options, what: Change): Promise<void> {
  const call = await callOf(visit, options);
  const amending = options.callEditor.amend(call.id, what, visit.user.name);
  const amended = await withDeadline(amending, WRITE_TIMEOUT_MS, 'changing a call');
  if (visit.partial && visit.field('from') === 'missed') await answerQueue(visit, options);
  else answer(visit, amended ?? call, amended === null);
}

/** The row goes, and how many wait is said anew. */
async function answerQueue(visit: Visit, { history }: Options): Promise<void> {
  const reading = history.missedQueue({ sites: visit.siteScope, view: 'waiting', cursor: null, limit: 1 });
  const { waiting, waitingForCapacity } = await withDeadline(reading, WRITE_TIMEOUT_MS, 'reading the missed calls');
  visit.page('parts/missed-count', { waiting, waitingForCapacity, beside: true });
}

function answer(visit: Visit, call: Call, queued: boolean): void {
  if (visit.partial) visit.page('parts/remarks', { ...remarks(visit, call), queued });
  else visit.go(visit.field('from') === 'missed' ? '/missed' : `/calls/${call.id}`);
}

function read<S extends z.ZodType>(schema: S, text: string, refusal: Refusal): z.output<S> {
  const parsed = schema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new GatewayError('GW_ERR_BAD_REQUEST', parsed.error.issues.map(({ message }) => message).join('; '), {
    refusal,
  });
}
