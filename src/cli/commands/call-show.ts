import type { Call } from '../../call/call.js';
import { GATEWAY_HELP, GATEWAY_OPTIONS, OK, UsageError, type Command } from '../command.js';
import { GatewayClient } from '../gateway-client.js';
import { table } from '../table.js';
import { timelineOf } from '../timeline.js';

export const callShow: Command = {
  name: 'call show',
  usage: 'ID',
  summary: 'one call: who, whose, and every moment of it in milliseconds',
  help: [...GATEWAY_HELP, '', 'Status 1 where there is no such call.'],
  options: GATEWAY_OPTIONS,
  positionals: 1,
  async run(values, [id], terminal) {
    if (id === undefined) throw new UsageError('which call? Its id is missing');
    const call = await new GatewayClient(values, terminal).get<Call>(`/v1/calls/${encodeURIComponent(id)}`);
    const timeline = timelineOf(call);
    if (values['json']) terminal.out(JSON.stringify({ call, timeline }));
    else
      terminal.out(
        `${headOf(call)}\n\n${table(
          ['ms', 'at', ''],
          timeline.map((moment) => [moment.offsetMs, moment.at.slice(11, 23), moment.what]),
        )}`,
      );
    return OK;
  },
};

function headOf(call: Call): string {
  const { attribution, durations } = call;
  const source = attribution.session?.utm.source ?? attribution.source?.['utm_source'] ?? null;
  const [first] = attribution.session === null ? attribution.candidates : [];
  const likeliest = first ? `; most likely ${first.sessionId}, ${Math.round(first.weight * 100)} %` : '';
  const facts: [string, string | null][] = [
    ['call', `${call.id}  (SIP ${call.sipCallId})`],
    ['caller', call.caller.withheld ? 'withheld' : call.caller.number],
    ['number', `${call.trackingNumber}${call.numberKind ? ` (${call.numberKind})` : ''}`],
    ['site', call.site],
    ['route', call.route],
    ['gateway', call.gateway],
    ['attribution', `${attribution.verdict}${source ? `, ${source}` : ''} (${attribution.rule})${likeliest}`],
    ['result', `${call.disposition ?? 'in progress'}${call.lossReason ? `, ${call.lossReason}` : ''}`],
    ['overflow', call.overflow && `from ${call.overflow.from}: ${call.overflow.reason}`],
    [
      'durations',
      `ringing ${durations.ringSeconds} s, talk ${durations.talkSeconds} s, in all ${durations.totalSeconds} s; ${durations.addedSetupMs ?? '-'} ms of set-up are ours`,
    ],
    ['recording', recordingOf(call.recording)],
  ];
  return facts.flatMap(([name, value]) => (value === null ? [] : `${name.padEnd(12)}${value}`)).join('\n');
}

/** With why there is none, and whom it does not hold: a side that FreeSWITCH has not heard. */
function recordingOf({ status, reason, silentChannels }: Call['recording']): string {
  const silent = silentChannels?.length ? `; nothing was heard of: ${silentChannels.join(', ')}` : '';
  return `${status}${reason === null ? '' : `, ${reason}`}${silent}`;
}
