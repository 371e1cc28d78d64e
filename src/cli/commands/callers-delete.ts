import { setTimeout as delay } from 'node:timers/promises';
import type { ArchivedErasure } from '../../history/eraser.js';
import { ERASURE_TIMEOUT_MS, type ErasureProof } from '../../http/ports.js';
import { FAILED, GATEWAY_HELP, GATEWAY_OPTIONS, OK, UsageError, type Command, type Terminal } from '../command.js';
import { GatewayClient } from '../gateway-client.js';

const POLL_MS = 1000;

export const callersDelete: Command = {
  name: 'callers delete',
  usage: 'NUMBER',
  summary: 'forgets a caller: history, recordings, events, archive; his calls become nobody’s. Prints the proof',
  help: [
    ...GATEWAY_HELP,
    '',
    'NUMBER is E.164, like +79160000001. Needs a key with the scope callers:write. Waits for the archive; Ctrl-C ends the',
    'waiting, not the erasure: status 1 then.',
  ],
  options: GATEWAY_OPTIONS,
  positionals: 1,
  async run(values, [number], terminal) {
    if (number === undefined) throw new UsageError('which number?');
    const gateway = new GatewayClient(values, terminal);
    const path = `/v1/callers/${encodeURIComponent(number)}`;
    const proof = await gateway.delete<ErasureProof>(path, ERASURE_TIMEOUT_MS);
    if (!values['json']) terminal.out(saidOf(proof).join('\n'));
    const archive = proof.archive === 'done' ? null : await archiveDone(gateway, proof.id, terminal);
    if (values['json']) terminal.out(JSON.stringify(archive ? { ...proof, inArchive: archive } : proof));
    else if (archive) terminal.out(saidOfArchive(archive).join('\n'));
    return (archive ?? proof).archive === 'done' ? OK : FAILED;
  },
};

async function archiveDone(gateway: GatewayClient, id: string, terminal: Terminal): Promise<ArchivedErasure> {
  const interrupted = (): boolean => terminal.interrupted.aborted;
  for (let told = ''; ;) {
    const erasure = await gateway.get<ArchivedErasure>(`/v1/callers/erasures/${id}`);
    if (erasure.archive === 'done' || interrupted()) return erasure;
    const said = `${erasure.calls.length} archived calls so far; waiting for ${erasure.waitingFor.join(', ')}`;
    if (said !== told) terminal.err((told = said));
    await delay(POLL_MS, undefined, { signal: terminal.interrupted }).catch(() => undefined);
    if (interrupted()) return erasure;
  }
}

function saidOf({ calls, archived, events, recordings, historyCalls, held, away, ...proof }: ErasureProof): string[] {
  return [
    `proof ${proof.id}, ${proof.at}, by ${proof.by}`,
    `${calls.length} calls without caller now, ${events} events, ${historyCalls} calls of his history and ${recordings.length} recordings removed`,
    ...(proof.archive === 'done' ? [`${archived.length} archived calls without caller now`] : []),
    ...recordings.map(({ callId, sha256 }) => `  recording of ${callId}: sha256 ${sha256 ?? '-'}`),
    ...held.map(heldLine),
    ...away.map(({ callId, gateway }) => awayLine(callId, gateway)),
  ];
}

function saidOfArchive({ archive, calls, waitingFor }: ArchivedErasure): string[] {
  const end = archive === 'done' ? '' : `; not done yet at ${waitingFor.join(', ')}, goes on there`;
  return [
    `${calls.length} archived calls without caller now${end}`,
    ...calls.flatMap(({ id, recording, sha256, gateway }) => {
      if (recording === 'none') return [];
      if (recording === 'deleted') return [`  recording of ${id}: sha256 ${sha256 ?? '-'}`];
      return [recording === 'held' ? heldLine(id) : awayLine(id, gateway)];
    }),
  ];
}

const heldLine = (callId: string): string => `  recording of ${callId}: stays, a legal hold keeps it`;
const awayLine = (callId: string, gateway: string): string =>
  `  recording of ${callId}: stays, on the disk of ${gateway}; delete it there`;
