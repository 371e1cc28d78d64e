// A SIP caller over UDP with microsecond clocks, as a process of its own: bench/lib/load.ts starts it and tells it what to call.
import { CallerAgent } from './lib/caller-agent.js';
import type { CallerOptions, RunRequest } from './lib/messages.js';

const agent = await CallerAgent.open(JSON.parse(process.argv[2] ?? '{}') as CallerOptions);
process.on('disconnect', () => process.exit());
process.on('message', (request: RunRequest) => {
  agent.run(request).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.send?.({ ready: true });
