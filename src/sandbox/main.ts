/**
 * The stand-in engines as a process of their own, so that a busy gateway does not slow the media down and a crash of
 * either leaves the other alone. Options: JSON in CALLTRACK_SANDBOX, or as the only argument.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEngines, type RunningEngines, type SandboxOptions } from './engines.js';

const NOTICE =
  'sandbox engines: stand-ins for drachtio-server and FreeSWITCH; G.711, tens of calls, not for production';
const CLOSE_DEADLINE_MS = 5000;

/** To the parent, or to whoever reads our output where there is none: the addresses come with their passwords. */
const report = (message: Record<string, unknown>): void => {
  if (process.send) process.send(message);
  else process.stdout.write(`${JSON.stringify(message)}\n`);
};

function readOptions(): SandboxOptions {
  const text = process.env.CALLTRACK_SANDBOX ?? process.argv[2] ?? '{}';
  const options = JSON.parse(text) as Partial<SandboxOptions>;
  return { spoolDir: join(tmpdir(), 'calltrack-sandbox'), ...options };
}

function closeOnRequest(engines: RunningEngines): void {
  let closing = false;
  const close = (): void => {
    if (closing) return;
    closing = true;
    setTimeout(() => process.exit(1), CLOSE_DEADLINE_MS).unref();
    engines.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', close);
  process.on('disconnect', close);
  // Ctrl-C reaches the whole process group; with a parent, the parent decides when the calls are over.
  if (process.send === undefined) process.on('SIGINT', close);
  else process.on('SIGINT', () => undefined);
}

try {
  const engines = await startEngines(readOptions(), (line) => process.stdout.write(`${line}\n`));
  closeOnRequest(engines);
  process.stdout.write(`${NOTICE}\n`);
  report({ type: 'ready', ...engines.addresses });
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  report({ type: 'failed', message });
  process.exitCode = 1;
  if (process.connected) process.disconnect();
}
