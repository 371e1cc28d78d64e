import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { portBound } from './ports.js';
import { Program } from './processes.js';
import { scenarioText, type ScenarioValues } from './sipp-scenario.js';
import { parseTrace, type SipTrace } from './sipp-trace.js';
import { toneFile } from './tone-file.js';

export interface SippOptions {
  /** A file of test/fixtures/sipp, without `.xml`. */
  scenario: string;
  values?: ScenarioValues;
  /** Loopback address of its own: SIP on 5060 and RTP from 6000 up, unless `port` says otherwise. */
  address: string;
  port?: number;
  /** Where calls go; a business has none. */
  remote?: { host: string; port: number };
  transport?: 'udp' | 'tcp';
  /** Frequency of the tone that `speak` sends, Hz. */
  toneHz?: number;
  calls?: number;
  callsPerSecond?: number;
  atOnce?: number;
  /** Lines of an injection file; their columns are [field0], [field1] … in the scenario. */
  lines?: string[];
  /** After this many seconds the run has failed. */
  timeoutSeconds?: number;
  /** Extra arguments for SIPp itself. */
  extra?: string[];
}

export interface SippResult {
  /** 0: every call went as the scenario says. */
  code: number;
  errors: string;
  trace: SipTrace;
}

/** One SIPp process. Whatever it writes goes to a folder of its own that is gone when it ends. */
export class Sipp {
  readonly done: Promise<SippResult>;

  private constructor(
    private readonly program: Program,
    private readonly folder: string,
  ) {
    this.done = this.#finish();
    this.done.catch(() => undefined);
  }

  /** Resolves once a business listens, or a caller has been started. */
  static async start(options: SippOptions): Promise<Sipp> {
    const folder = await mkdtemp(join(tmpdir(), 'calltrack-sipp-'));
    await mkdir(folder, { recursive: true });
    const tone = toneFile(options.toneHz ?? 440);
    const values = { TONE: 'tone.pcma', ...options.values };
    await writeFile(join(folder, 'scenario.xml'), scenarioText(options.scenario, values));
    await writeFile(join(folder, 'tone.pcma'), tone);
    if (options.lines !== undefined) {
      await writeFile(join(folder, 'lines.csv'), `SEQUENTIAL\n${options.lines.join('\n')}\n`);
    }
    const program = new Program('sipp', sippArguments(options), { cwd: folder });
    const sipp = new Sipp(program, folder);
    if (options.remote === undefined) await sipp.#listening(options);
    return sipp;
  }

  /** Ends it now, whatever its calls are doing. */
  async stop(): Promise<SippResult> {
    await this.program.stop(500);
    return await this.done;
  }

  async #listening(options: SippOptions): Promise<void> {
    const bound = portBound(options.transport ?? 'udp', options.address, options.port ?? 5060);
    const died = this.done.then((result) => {
      throw new Error(`SIPp ended before it listened: ${result.errors}`);
    });
    await Promise.race([bound, died]);
  }

  async #finish(): Promise<SippResult> {
    try {
      const code = await this.program.exited;
      const errors = await readIfThere(join(this.folder, 'errors.log'));
      const trace = parseTrace(await readIfThere(join(this.folder, 'messages.log')));
      return { code, errors: errors === '' && code !== 0 ? this.program.output.slice(-2000) : errors, trace };
    } finally {
      await rm(this.folder, { recursive: true, force: true });
    }
  }
}

function sippArguments(options: SippOptions): string[] {
  const { remote, address, calls = 1 } = options;
  const tcp = options.transport === 'tcp';
  return [
    ...(remote === undefined ? [] : [`${remote.host}:${remote.port}`]),
    ...['-sf', 'scenario.xml', '-i', address, '-p', String(options.port ?? 5060), '-bind_local'],
    ...['-mi', address, '-mp', String(mediaPort(options)), '-ci', address, '-t', tcp ? 't1' : 'u1'],
    ...['-m', String(calls), '-r', String(options.callsPerSecond ?? 10), '-l', String(options.atOnce ?? calls)],
    ...['-timeout', `${options.timeoutSeconds ?? 300}s`, '-timeout_error', '-nostdin', '-buff_size', '1000000'],
    ...['-trace_err', '-error_file', 'errors.log', '-trace_msg', '-message_file', 'messages.log'],
    ...(options.lines === undefined ? [] : ['-inf', 'lines.csv']),
    ...(options.extra ?? []),
  ];
}

/** Two at one address, told apart by their SIP port, do not meet at their RTP ports either. */
const mediaPort = ({ port = 5060 }: SippOptions): number => 6000 + 100 * (port - 5060);

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1');
  } catch {
    return '';
  }
}
