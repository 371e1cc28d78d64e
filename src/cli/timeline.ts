import type { Call, Leg, LegObstacle } from '../call/call.js';

export interface Moment {
  /** ms after the INVITE came in. */
  offsetMs: number;
  at: string;
  what: string;
}

/** Every stamp of a call and of its legs, in order. */
export function timelineOf(call: Call): Moment[] {
  const start = Date.parse(call.startedAt);
  const moments: Moment[] = [];
  const add = (at: string | null, what: string) => {
    if (at !== null) moments.push({ offsetMs: Date.parse(at) - start, at, what });
  };
  add(call.startedAt, `INVITE from ${call.trunk} for ${call.trackingNumber}`);
  for (const leg of call.legs) addLeg(leg, add);
  add(call.ringingAt, 'the caller hears ringing');
  if (call.engagedAt !== call.answeredAt) add(call.engagedAt, 'the caller is answered, to be asked something');
  add(call.answeredAt, call.engagedAt === call.answeredAt ? 'the caller is answered' : 'the business answers');
  for (const tag of call.tags) add(tag.at, `tagged ${tag.name} by ${tag.by}`);
  add(call.endedAt, endOf(call));
  // Stable: what has the same stamp stays in the order in which it is told.
  return moments.sort((a, b) => a.offsetMs - b.offsetMs);
}

const OBSTACLE: Readonly<Record<Leg['kind'], Record<LegObstacle, string>>> = {
  line: {
    down: 'it does not answer OPTIONS',
    drained: 'it is taken out of service',
    loop: 'the call would come back',
  },
  destination: {
    down: 'no gateway of its trunk is up',
    drained: 'it, or its trunk, is taken out of service',
    loop: 'the call would come back',
  },
};

/** Why nothing was dialled; null where something was. */
function whyNotDialled({ kind, result, obstacle, sip }: Leg): string | null {
  // Calls of an earlier release have no such field.
  if (obstacle) return OBSTACLE[kind][obstacle];
  if (result === 'no_channel') return 'no free channel';
  if (result === 'not_registered') return 'no phone is registered';
  return result === 'capacity' && sip === null ? 'the carrier said before that it is full' : null;
}

function addLeg(leg: Leg, add: (at: string | null, what: string) => void): void {
  const name = `leg ${leg.n} (step ${leg.step}, ${leg.target})`;
  const use = leg.channelsInUse === null ? '' : `, ${leg.channelsInUse}/${leg.channelLimit ?? '-'} channels`;
  const notDialled = whyNotDialled(leg);
  if (notDialled !== null) {
    add(leg.startedAt, `${name} not dialled: ${notDialled}${use}`);
    return;
  }
  const unheard = leg.result === 'unreachable' && leg.sip === null;
  add(leg.startedAt, `${name} dialled${use}`);
  add(leg.ringingAt, `${name} rings`);
  add(leg.answeredAt, `${name} answers`);
  const status = [leg.sip === null ? '' : `SIP ${leg.sip}`, leg.q850 === null ? '' : `Q.850 ${leg.q850}`];
  const why = unheard ? 'nobody answered' : status.filter((part) => part !== '').join(', ');
  add(leg.endedAt, `${name} over: ${leg.result ?? 'open'}${why ? ` (${why})` : ''}`);
}

function endOf(call: Call): string {
  const reason = call.lossReason === null ? '' : ` (${call.lossReason})`;
  const ended = call.ended ? `, by the ${call.ended.by}: ${call.ended.reason}` : '';
  return `${call.disposition ?? 'ended'}${reason}${ended}`;
}
