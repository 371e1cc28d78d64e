// A SIP callee over UDP that answers every INVITE at once, as a process of its own: bench/lib/load.ts starts it.
import { CalleeAgent } from './lib/callee-agent.js';
import type { CallerOptions } from './lib/messages.js';

const agent = await CalleeAgent.open(JSON.parse(process.argv[2] ?? '{}') as CallerOptions);
process.on('disconnect', () => process.exit());
process.on('message', ({ rtp }: { rtp: boolean }) => {
  process.send?.({ result: agent.reset(rtp) });
});
process.send?.({ ready: true });
