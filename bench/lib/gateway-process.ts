import { openSync, closeSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Program } from '../../test/support/processes.js';
import { until } from '../../test/support/until.js';
import { Inspector } from './inspector.js';
import { ROOT } from './places.js';

const STOP_MS = 15_000;
/** For a machine that has other work too. */
const READY_MS = 60_000;
const INSPECTOR_PORT = 9229;

export interface GatewayOptions {
  folder: string;
  host: string;
  config: Record<string, unknown>;
  /** Opens node's inspector, to force collections of garbage or take a profile; it costs nothing while nobody asks. */
  inspect?: boolean;
  /** A checkout that has been built; default: this one. */
  checkout?: string;
}

export interface LogLine {
  level: string;
  /** ISO 8601. */
  time: string;
  msg?: string;
}

/** The built gateway, as a process of its own and as it runs in production. */
export class GatewayProcess {
  private constructor(
    private readonly program: Program,
    readonly url: string,
    private readonly host: string,
    private readonly log: string,
  ) {}

  /** Resolves once it says that it is ready for calls. */
  static async start({
    folder,
    host,
    config,
    inspect = false,
    checkout = ROOT,
  }: GatewayOptions): Promise<GatewayProcess> {
    const file = join(folder, 'gateway.yaml');
    await writeFile(file, stringify(config));
    // To a file, as a log goes in production; a pipe would put the reading of it on the bench.
    const logFile = join(folder, 'gateway.log');
    const log = openSync(logFile, 'w');
    const flags = inspect ? [`--inspect=${host}:${INSPECTOR_PORT}`] : [];
    const program = new Program(process.execPath, [...flags, join(checkout, 'dist/main.js'), '--config', file], {
      stdio: ['ignore', log, 'pipe'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    closeSync(log);
    const url = `http://${host}:8080`;
    const died = program.exited.then((code): never => {
      throw new Error(`the gateway ended with ${code}; its log is ${logFile}\n${program.output}`);
    });
    died.catch(() => undefined);
    try {
      await Promise.race([
        until('the gateway is ready', async () => (await fetch(`${url}/readyz`)).ok, READY_MS),
        died,
      ]);
    } catch (error) {
      await program.stop(STOP_MS);
      throw error;
    }
    return new GatewayProcess(program, url, host, logFile);
  }

  get pid(): number {
    return this.program.pid;
  }

  /** Whether it says that it is ready for calls. */
  async ready(): Promise<boolean> {
    return (await fetch(`${this.url}/readyz`)).ok;
  }

  /** Calls in progress, by its own metrics. */
  calls(): Promise<number> {
    return this.metric('calltrack_calls_in_progress');
  }

  /** The sum of a metric's samples, whatever their labels; NaN where it has none. */
  async metric(name: string): Promise<number> {
    const page = await (await fetch(`${this.url}/metrics`)).text();
    const samples = page.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)`, 'gm'));
    const values = [...samples].map(([, value]) => Number(value));
    return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0);
  }

  /** Warnings and errors that it has logged since it started, by message: why calls failed. */
  async complaints(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { msg = '' } of await this.logged('warn', 'error', 'fatal')) counts[msg] = (counts[msg] ?? 0) + 1;
    return counts;
  }

  /** Lines of these levels in its log. */
  async logged(...levels: string[]): Promise<LogLine[]> {
    const marks = levels.map((level) => `"level":"${level}"`);
    const lines = (await readFile(this.log, 'utf8')).split('\n');
    // Of who was killed the last line may be half a one.
    const whole = lines.filter((line) => line.endsWith('}') && marks.some((mark) => line.includes(mark)));
    return whole.map((line) => JSON.parse(line) as LogLine);
  }

  inspector(): Promise<Inspector> {
    return Inspector.connect(`http://${this.host}:${INSPECTOR_PORT}`);
  }

  async stop(): Promise<void> {
    await this.program.stop(STOP_MS);
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.program.kill('SIGKILL');
    await this.program.exited;
  }
}
