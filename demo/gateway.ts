import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { withDeadline } from '../src/lib/deadline.js';
import { Child } from './child.js';
import { Happenings } from './happenings.js';

const START_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 100;
/** Calls are hung up, webhooks sent, engines stopped. */
const STOP_GRACE_MS = 20_000;

/** A line of the gateway's log. */
export type LogLine = Record<string, unknown> & { level?: string; msg?: string };

/** The gateway as `npm start` runs it: a process of its own, from dist/. */
export class Gateway {
  readonly log = new Happenings<LogLine>();

  private constructor(
    readonly child: Child,
    /** `host:port` where it takes calls, and the base address of its HTTP interface. */
    readonly sip: string,
    readonly url: string,
    log: Happenings<LogLine>,
    private readonly logFile: WriteStream,
  ) {
    this.log = log;
  }

  static async start(configFile: string, logFile: string): Promise<Gateway> {
    const log = new Happenings<LogLine>();
    const file = createWriteStream(logFile);
    const script = fileURLToPath(new URL('../scripts/start.mjs', import.meta.url));
    const child = await Child.start(process.execPath, [script, '--config', configFile], {
      env: withoutOverrides(process.env),
      onLine: (line) => {
        file.write(`${line}\n`);
        const parsed = parseLine(line);
        if (parsed) log.add(parsed);
      },
    });
    const died = child.exited.then((how) => {
      // Its log lines stand in the log; what is said beside them is why it did not come up.
      const said = child.lastLines.filter((line) => line !== '' && parseLine(line) === null);
      throw new Error(`the gateway ${how}: ${said.slice(0, 5).join('; ')}`);
    });
    died.catch(() => undefined); // later it may end as it likes: who waits for something of it will miss that
    try {
      const addresses = await Promise.race([readAddresses(log), died]);
      await withDeadline(Promise.race([untilReady(addresses.url, child), died]), START_TIMEOUT_MS, 'gateway readiness');
      return new Gateway(child, addresses.sip, addresses.url, log, file);
    } catch (error) {
      await child.stop('SIGINT', STOP_GRACE_MS);
      throw error;
    }
  }

  /** What the stand-ins say of themselves. */
  get engineNotice(): string {
    const line = this.log.all.find(({ msg }) => msg === 'sandbox engines')?.['line'];
    return typeof line === 'string' ? line : '';
  }

  /** Lines that tell of something wrong. */
  problems(level: 'warn' | 'error'): LogLine[] {
    const levels = level === 'warn' ? ['warn'] : ['error', 'fatal'];
    return this.log.all.filter((line) => levels.includes(line.level ?? ''));
  }

  async stop(): Promise<void> {
    await this.child.stop('SIGINT', STOP_GRACE_MS);
    this.logFile.end();
  }
}

/** The demo's configuration is what counts, not what the reader's shell may hold for a gateway of his own. */
function withoutOverrides(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('GW_')));
}

function parseLine(line: string): LogLine | null {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return null; // what is said before the log begins, like "Building (tsc) ..."
  }
}

async function readAddresses(log: Happenings<LogLine>): Promise<{ sip: string; url: string }> {
  const [started, connected] = await Promise.all([
    log.first('start of the gateway', ({ msg }) => msg === 'gateway started', START_TIMEOUT_MS),
    log.first('SIP of the gateway', ({ msg }) => msg === 'connected to drachtio-server', START_TIMEOUT_MS),
  ]);
  const [sip = ''] = connected['sip'] as string[];
  return { sip: sip.replace(/^\w+\//, ''), url: `http://127.0.0.1:${String(started['http'])}` };
}

async function untilReady(url: string, child: Child): Promise<void> {
  while (child.process.exitCode === null) {
    const response = await fetch(`${url}/readyz`).catch(() => null);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
}

/** `port` where UDP and TCP have it free on loopback, else 0: any. */
export async function portOrAny(port: number): Promise<number> {
  const server = createServer();
  const socket = createSocket('udp4');
  try {
    server.listen({ port, host: '127.0.0.1', exclusive: true });
    await once(server, 'listening');
    socket.bind({ port, address: '127.0.0.1', exclusive: true });
    await once(socket, 'listening');
    return port;
  } catch {
    return 0;
  } finally {
    if (server.listening) server.close();
    socket.close();
  }
}
