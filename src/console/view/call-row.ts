import type { Call, Callback } from '../../call/call.js';
import type { Visit } from '../visit.js';
import { verdictName } from './verdict-words.js';

/** Tags of a row: more would make it a page. */
const TAGS_SHOWN = 3;

/** A caller's number in words, which stays in one line, and what he calls himself beside it. */
export interface CallerParts {
  number: string;
  name: string | null;
}

/** A call as a row of a table: texts only. */
export interface CallRow {
  id: string;
  disposition: string;
  cells: Readonly<Record<string, string>>;
  who: CallerParts;
  tags: string[];
}

/** @param zone whose clocks tell when it was: one for a whole list, or its order could not be read */
export function callRow(visit: Visit, call: Call, zone = visit.zoneOf(call.site)): CallRow {
  const { t, format } = visit;
  const { attribution, durations, caller } = call;
  const { session, source } = attribution;
  const disposition = call.disposition ?? 'open';
  const loss = call.lossReason ? `, ${t(`loss.${call.lossReason}`)}` : '';
  return {
    id: call.id,
    disposition,
    who: callerParts(visit, caller),
    tags: [...call.tags.slice(0, TAGS_SHOWN).map(({ name }) => visit.name('tag', name)), ...moreTags(call)],
    cells: {
      startedAt: format.time(call.startedAt, zone),
      caller: callerWords(visit, caller),
      tracking: format.phone(call.trackingNumber),
      site: call.site ?? '',
      source: session?.utm.source ?? source?.['utm_source'] ?? source?.['label'] ?? '',
      campaign: session?.utm.campaign ?? source?.['utm_campaign'] ?? '',
      keyword: session?.keyword ?? '',
      verdict: verdictName(visit, attribution),
      disposition: `${t(`disposition.${disposition}`)}${loss}`,
      ring: durations.ringSeconds > 0 ? format.clock(durations.ringSeconds) : '',
      talk: durations.talkSeconds > 0 ? format.clock(durations.talkSeconds) : '',
      target: call.legs.find(({ result }) => result === 'answered')?.target ?? '',
      trunk: call.trunk,
      recording: call.recording.status === 'ready' ? t('app.yes') : '',
    },
  };
}

type CallerShown = Pick<Call['caller'], 'number' | 'name' | 'withheld'>;

export function callerParts(visit: Visit, { number, name, withheld }: CallerShown): CallerParts {
  const shown = number === null ? visit.t(withheld ? 'call.withheld' : 'app.unknown') : visit.format.phone(number);
  return { number: shown, name: name === number ? null : name };
}

export function callerWords(visit: Visit, caller: CallerShown): string {
  const { number, name } = callerParts(visit, caller);
  return name === null ? number : `${number} · ${name}`;
}

/** The talk in which the business reached a lost caller. */
export function callbackWords(visit: Visit, { at, talkSeconds, line, tries }: Callback, zone: string): string {
  const { t, format } = visit;
  const time = format.minute(at, zone);
  const said = t('callback.done', { time, talk: format.clock(talkSeconds) });
  const more = [line ?? '', tries > 0 ? t('callback.tries', { count: format.number(tries) }) : ''];
  return [said, ...more.filter((text) => text !== '')].join(' · ');
}

const moreTags = ({ tags }: Call): string[] => (tags.length > TAGS_SHOWN ? [`+${tags.length - TAGS_SHOWN}`] : []);
