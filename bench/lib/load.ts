import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { withDeadline } from '../../src/lib/deadline.js';
import type { CallerOptions, RunRequest, RunResult } from './messages.js';
import { ROOT } from './places.js';

export interface CalleeCount {
  answers: number;
  rtpSent: number;
  rtpReceived: number;
}

interface Reply {
  ready?: boolean;
  result?: unknown;
  error?: string;
}

const START_MS = 15_000;
const RESET_MS = 5000;
/** What a run may take beyond its calls' own time: time-outs and retransmissions included. */
const RUN_MARGIN_MS = 60_000;

/** Caller and callee, each a process of its own that stays warm from run to run. */
export class Load {
  private constructor(
    private readonly caller: ChildProcess,
    private readonly callee: ChildProcess,
  ) {}

  static async start(caller: CallerOptions, callee: CallerOptions): Promise<Load> {
    const [first, second] = await Promise.all([start('caller.ts', caller), start('callee.ts', callee)]);
    return new Load(first, second);
  }

  /** Places the calls of `request`; resolves when the last of them is over. */
  async run(request: RunRequest): Promise<{ result: RunResult; callee: CalleeCount }> {
    await ask(this.callee, { rtp: request.rtp }, RESET_MS);
    const expectedMs = (request.calls / request.callsPerSecond) * 1000 + request.holdMs;
    const result = (await ask(this.caller, request, expectedMs + RUN_MARGIN_MS)) as RunResult;
    return { result, callee: (await ask(this.callee, { rtp: false }, RESET_MS)) as CalleeCount };
  }

  stop(): void {
    // Each ends by itself when its channel closes.
    for (const child of [this.caller, this.callee]) child.disconnect();
  }
}

async function start(file: string, options: CallerOptions): Promise<ChildProcess> {
  const child = fork(join(ROOT, 'bench', file), [JSON.stringify(options)], {
    execArgv: ['--import', 'tsx'],
    cwd: ROOT,
  });
  await withDeadline(reply(child), START_MS, `starting ${file}`);
  return child;
}

async function ask(child: ChildProcess, question: object, timeoutMs: number): Promise<unknown> {
  const answer = reply(child);
  child.send(question);
  const { result, error } = await withDeadline(answer, timeoutMs, 'a load process');
  if (error !== undefined) throw new Error(error);
  return result;
}

function reply(child: ChildProcess): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null): void => reject(new Error(`a load process ended with ${code ?? 'a signal'}`));
    child.once('exit', gone);
    child.once('message', (message: Reply) => {
      child.off('exit', gone);
      resolve(message);
    });
  });
}
