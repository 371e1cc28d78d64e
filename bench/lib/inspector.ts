import { once } from 'node:events';
import { WebSocket } from 'undici';
import { withDeadline } from '../../src/lib/deadline.js';

const COMMAND_MS = 60_000;

interface Answer {
  id?: number;
  result?: unknown;
  error?: { message: string };
}

/** Bytes. */
interface V8CodeCounts {
  code_and_metadata_size: number;
  bytecode_and_metadata_size: number;
}

interface RemoteValue {
  result: { value?: unknown; objectId?: string };
}

/** A class's own prototype is none of its objects. */
const COUNT_BY_CLASS = `function (classes) {
  const counts = Object.fromEntries(classes.map((name) => [name, 0]));
  for (const object of this) {
    const found = Object.getPrototypeOf(object)?.constructor?.name;
    if (Object.hasOwn(counts, found)) counts[found] += 1;
  }
  return counts;
}`;

/** Of whose call a session is that nothing should hold any more. */
const NAME_SESSIONS = `function () {
  const sessions = this.filter((object) => Object.getPrototypeOf(object)?.constructor?.name === 'CallSession');
  return sessions.map(({ call }) => call.route + ' ' + call.sipCallId);
}`;

/** Node's inspector protocol, as far as the bench needs it. */
export class Inspector {
  #id = 0;
  readonly #waiting = new Map<number, (answer: Answer) => void>();

  private constructor(private readonly socket: WebSocket) {
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer;
      this.#waiting.get(answer.id ?? 0)?.(answer);
      this.#waiting.delete(answer.id ?? 0);
    });
  }

  static async connect(base: string): Promise<Inspector> {
    const [target] = (await (await fetch(`${base}/json/list`)).json()) as { webSocketDebuggerUrl: string }[];
    const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '');
    await once(socket as unknown as EventTarget, 'open');
    return new Inspector(socket);
  }

  async ask(method: string, params: object = {}): Promise<unknown> {
    this.#id += 1;
    const id = this.#id;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await withDeadline(answered, COMMAND_MS, method);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** Heap in use once everything that can be collected has been, bytes. */
  async settledHeapBytes(): Promise<number> {
    await this.ask('HeapProfiler.collectGarbage');
    await this.ask('HeapProfiler.collectGarbage');
    const { usedSize } = (await this.ask('Runtime.getHeapUsage')) as { usedSize: number };
    return usedSize;
  }

  /** Of the heap in use: what has been compiled, which grows for as long as V8 finds code worth it. */
  async codeBytes(): Promise<number> {
    const counts = `process.getBuiltinModule('v8').getHeapCodeStatistics()`;
    const { code_and_metadata_size, bytecode_and_metadata_size } = (await this.evaluate(counts)) as V8CodeCounts;
    return code_and_metadata_size + bytecode_and_metadata_size;
  }

  /** What an expression comes to there; it must be plain data. */
  async evaluate(expression: string): Promise<unknown> {
    const { result } = (await this.ask('Runtime.evaluate', { expression, returnByValue: true })) as RemoteValue;
    return result.value;
  }

  /** Objects of these classes that are still referenced from somewhere, by class. */
  async countObjects(...classes: string[]): Promise<Record<string, number>> {
    return (await this.#ofAllObjects(COUNT_BY_CLASS, classes)) as Record<string, number>;
  }

  /** Route and SIP Call-ID of every call that is still held by something. */
  async heldCalls(): Promise<string[]> {
    return (await this.#ofAllObjects(NAME_SESSIONS)) as string[];
  }

  async #ofAllObjects(functionDeclaration: string, argument?: unknown): Promise<unknown> {
    await this.settledHeapBytes();
    const { result } = (await this.ask('Runtime.evaluate', { expression: 'Object.prototype' })) as RemoteValue;
    const { objects } = (await this.ask('Runtime.queryObjects', { prototypeObjectId: result.objectId })) as {
      objects: { objectId: string };
    };
    const { result: found } = (await this.ask('Runtime.callFunctionOn', {
      objectId: objects.objectId,
      functionDeclaration,
      arguments: [{ value: argument }],
      returnByValue: true,
    })) as RemoteValue;
    return found.value;
  }

  close(): void {
    this.socket.close();
  }
}
