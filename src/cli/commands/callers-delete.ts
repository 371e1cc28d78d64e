import type { ErasureProof } from '../../http/ports.js';
import { GATEWAY_HELP, GATEWAY_OPTIONS, OK, UsageError, type Command } from '../command.js';
import { GatewayClient } from '../gateway-client.js';

export const callersDelete: Command = {
  name: 'callers delete',
  usage: 'NUMBER',
  summary: 'forgets a caller: history, recordings, events; his calls become nobody’s. Prints the proof',
  help: [...GATEWAY_HELP, '', 'NUMBER is E.164, like +79160000001. Needs a key with the scope callers:write.'],
  options: GATEWAY_OPTIONS,
  positionals: 1,
  async run(values, [number], terminal) {
    if (number === undefined) throw new UsageError('which number?');
    const gateway = new GatewayClient(values, terminal);
    const proof = (await gateway.delete(`/v1/callers/${encodeURIComponent(number)}`)) as ErasureProof;
    const { calls, events, recordings, historyCalls, held, away } = proof;
    const said = [
      `proof ${proof.id}, ${proof.at}, by ${proof.by}`,
      `${calls.length} calls without caller now, ${events} events, ${historyCalls} calls of his history and ${recordings.length} recordings removed`,
      ...recordings.map(({ callId, sha256 }) => `  recording of ${callId}: sha256 ${sha256 ?? '-'}`),
      ...held.map((callId) => `  recording of ${callId}: stays, a legal hold keeps it`),
      ...away.map(
        ({ callId, gateway }) => `  recording of ${callId}: stays, on the disk of ${gateway}; delete it there`,
      ),
    ];
    terminal.out(values['json'] ? JSON.stringify(proof) : said.join('\n'));
    return OK;
  },
};
