import type { CallbackOutcome } from '../../http/ports.js';
import { GATEWAY_HELP, GATEWAY_OPTIONS, OK, text, UsageError, type Command } from '../command.js';
import { GatewayClient } from '../gateway-client.js';

export const callbacksAdd: Command = {
  name: 'callbacks add',
  usage: 'NUMBER --talk SECONDS',
  summary: 'tells that the business has called NUMBER back, with so much talk; 0 where nobody answered',
  help: [
    '      --talk SECONDS  of the talk; 0: nobody answered',
    '      --at ISO        when the number was dialled; the call has just ended where left out',
    '      --site ID       the site whose lost caller was called back; all where left out',
    '      --line WORD     the phone of the business',
    '      --by NAME       the person',
    ...GATEWAY_HELP,
    '',
    'NUMBER is in any notation. Needs a key with the scope callbacks:write.',
  ],
  options: {
    ...GATEWAY_OPTIONS,
    talk: { type: 'string' },
    at: { type: 'string' },
    site: { type: 'string' },
    line: { type: 'string' },
    by: { type: 'string' },
  },
  positionals: 1,
  async run(values, [number], terminal) {
    const talk = text(values['talk']);
    if (number === undefined) throw new UsageError('which number?');
    if (talk === undefined || !/^\d+(\.\d+)?$/.test(talk)) throw new UsageError('--talk: how many seconds?');
    const optional = Object.fromEntries(
      ['at', 'site', 'line', 'by'].flatMap((name) => {
        const value = text(values[name]);
        return value === undefined ? [] : [[name, value]];
      }),
    );
    const body = { number, talkSeconds: Number(talk), ...optional };
    const outcome = await new GatewayClient(values, terminal).post<CallbackOutcome>('/v1/callbacks', body);
    terminal.out(values['json'] ? JSON.stringify(outcome) : wordsOf(outcome));
    return OK;
  },
};

function wordsOf({ settled, tried }: CallbackOutcome): string {
  const lines = [
    ...settled.map(
      ({ site, callId, waitedSeconds }) => `called back: ${callId} of ${site ?? '-'}, after ${waitedSeconds} s`,
    ),
    ...tried.map(({ site, callId, tries }) => `waits on: ${callId} of ${site ?? '-'}, tried ${tries} times`),
  ];
  return lines.length > 0 ? lines.join('\n') : 'nobody with this number waits';
}
