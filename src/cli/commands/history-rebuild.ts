import { setTimeout as delay } from 'node:timers/promises';
import type { IndexState } from '../../history/rebuilder.js';
import { FAILED, GATEWAY_HELP, GATEWAY_OPTIONS, OK, type Command } from '../command.js';
import { GatewayClient } from '../gateway-client.js';

const POLL_MS = 1000;

export const historyRebuild: Command = {
  name: 'history rebuild',
  usage: '[--status]',
  summary: 'makes the index by which calls are searched anew from the calls, while calls go on; waits until it is done',
  help: [
    '      --status        only says whether it is being rebuilt',
    ...GATEWAY_HELP,
    '',
    'Where the index is lost a gateway begins by itself. Needs a key with the scopes calls:write and calls:read. Status 1',
    'where it was interrupted: the rebuild goes on all the same.',
  ],
  options: { ...GATEWAY_OPTIONS, status: { type: 'boolean', default: false } },
  positionals: 0,
  async run(values, _positionals, terminal) {
    const gateway = new GatewayClient(values, terminal);
    const look = () => gateway.get<IndexState>('/v1/calls/index');
    const status = values['status'] === true;
    const interrupted = (): boolean => terminal.interrupted.aborted;
    let index = status ? await look() : await gateway.post<IndexState>('/v1/calls/index/rebuild', {});
    while (!status && index.state !== 'ready' && !interrupted()) {
      if (terminal.tty) terminal.err(said(index));
      await delay(POLL_MS, undefined, { signal: terminal.interrupted }).catch(() => undefined);
      if (!interrupted()) index = await look();
    }
    terminal.out(values['json'] ? JSON.stringify(index) : said(index));
    return status || index.state === 'ready' ? OK : FAILED;
  },
};

const said = ({ state, calls, left, since }: IndexState): string =>
  state === 'ready'
    ? 'the index is whole'
    : `being rebuilt since ${since ?? '?'}: ${left} of ${calls ?? '?'} calls to go`;
