import type { Call, Leg } from '../../call/call.js';
import type { Visit } from '../visit.js';

/** Something that happened in a call. */
export interface Happening {
  /** Since the call came in. */
  ms: number;
  what: string;
  detail: string;
  /** Of which leg; 0: of the call itself. */
  leg: number;
}

/** Everything that happened, in order, with the milliseconds since the call came in. */
export function timelineOf(visit: Visit, call: Call): Happening[] {
  const start = Date.parse(call.startedAt);
  const happenings: Happening[] = [];
  const add = (at: string | null, what: string, detail = '', leg = 0) => {
    if (at !== null) happenings.push({ ms: Date.parse(at) - start, what, detail, leg });
  };
  const { t } = visit;
  const { addedSetupMs } = call.durations;
  add(call.startedAt, t('call.event.received'), addedSetupMs === null ? '' : t('call.addedMs', { ms: addedSetupMs }));
  for (const leg of call.legs) addLeg(visit, leg, add);
  add(call.ringingAt, t('call.event.ringing'));
  add(call.answeredAt, t('call.event.answered'));
  if (call.overflow) {
    const { from, reason } = call.overflow;
    const at = call.legs.find(({ target }) => target === from)?.endedAt ?? null;
    add(at, t('call.event.overflow', { from }), t(`call.overflow.${reason}`));
  }
  add(call.endedAt, t('call.event.ended'), endWords(visit, call));
  // What happened in the same millisecond stays in the order of the route.
  return happenings.sort((a, b) => a.ms - b.ms);
}

type Add = (at: string | null, what: string, detail?: string, leg?: number) => void;

function addLeg(visit: Visit, leg: Leg, add: Add): void {
  const { t } = visit;
  const names = { kind: t(`kind.${leg.kind}`), target: leg.target };
  const detail = [t('call.step', { step: leg.step }), leg.via, channelWords(visit, leg)].filter(Boolean).join(' · ');
  const whySkipped = skippedWords(visit, leg);
  if (whySkipped !== null) {
    add(leg.startedAt, t('call.event.skip', names), [whySkipped, detail].join(' · '), leg.n);
    return;
  }
  add(leg.startedAt, t('call.event.dial', names), detail, leg.n);
  add(leg.ringingAt, t('call.event.rings', names), '', leg.n);
  add(leg.answeredAt, t('call.event.legAnswered', names), '', leg.n);
  if (leg.answeredAt !== null) return;
  const codes = [leg.sip === null ? '' : `SIP ${leg.sip}`, leg.q850 === null ? '' : `Q.850 ${leg.q850}`];
  const result = t(leg.result === null ? 'leg.open' : `leg.${leg.result}`);
  add(leg.endedAt, t('call.event.legEnded', { ...names, result }), codes.filter(Boolean).join(', '), leg.n);
}

/** null where it was dialled. Calls of an earlier release have no `obstacle`. */
function skippedWords({ t }: Visit, { result, obstacle }: Leg): string | null {
  if (obstacle) return t(`leg.obstacle.${obstacle}`);
  return result === 'no_channel' ? t('leg.no_channel') : null;
}

function channelWords({ t }: Visit, { channelsInUse: used, channelLimit: limit }: Leg): string {
  return used === null || limit === null ? '' : t('call.channels', { used, limit });
}

function endWords({ t }: Visit, { ended }: Call): string {
  if (!ended) return '';
  const by = `${t('call.endedBy')}: ${t(`call.end.${ended.by}`)}`;
  return [
    by,
    ended.reason === 'normal' ? '' : t(`call.cut.${ended.reason}`),
    ended.sip === null ? '' : `SIP ${ended.sip}`,
  ]
    .filter(Boolean)
    .join(', ');
}
