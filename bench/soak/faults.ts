import { setTimeout as pause } from 'node:timers/promises';
import type { Mood } from '../../test/support/moody-receiver.js';
import { until } from '../../test/support/until.js';
import type { House, Machine } from './house.js';
import type { Story } from './story.js';
import type { Pbx } from './pbx.js';

/** What it may change: how calls end, only how their events come, or nothing that is not expected of it. */
type Harm = 'calls' | 'deliveries' | 'none';

interface Fault {
  name: string;
  harm: Harm;
  /** Whose calls it may have touched; null: everybody's. */
  machine: Machine | null;
  fromMs: number;
  /** All gateways were ready again. */
  toMs: number;
}

/** Calls end up to so long after their phones are done: channels freed, the recording settled. */
const AFTERCARE_MS = 12_000;
/** What was only just ready is still finding out who died. */
const RECOVERY_MS = 5_000;
/** Calls of a dead gateway are ended 15 s after it is back; what it had on its way is sent anew after 30 s. */
const EXPLAINS_MS = 60_000;
const READY_MS = 60_000;
const SHORTEST_GAP_MS = 15_000;
const LONGEST_GAP_MS = 60_000;
/** Before the end, for calls that nothing touches. */
const CALM_MS = 20_000;

type Act = (random: () => number) => Promise<Machine | null>;
type Acts = Record<string, { harm: Harm; act: Act }>;

/** Lets things fail, one after the other, and knows which calls that may have touched. */
export class Faults {
  readonly #past: Fault[] = [];

  constructor(
    private readonly house: House,
    private readonly pbx: Pbx,
    private readonly random: () => number,
    private readonly log: (line: string) => void,
  ) {}

  /** How often which fault was. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { name } of this.#past) counts[name] = (counts[name] ?? 0) + 1;
    return counts;
  }

  /** Until a while before `endMs`: every fault once, then as it comes. */
  async run(endMs: number): Promise<void> {
    const acts = Object.entries(this.#acts()).toSorted(() => this.random() - 0.5);
    for (let n = 0; ; n += 1) {
      const gap = SHORTEST_GAP_MS + this.random() * (LONGEST_GAP_MS - SHORTEST_GAP_MS);
      if (Date.now() + gap > endMs - CALM_MS) return;
      await pause(gap);
      const [name, fault] = acts[n < acts.length ? n : Math.floor(this.random() * acts.length)] ?? [];
      if (name !== undefined && fault !== undefined) await this.#commit(name, fault);
    }
  }

  touched(story: Story): boolean {
    const machine = this.house.machines[story.plan.machine];
    return this.#past.some(
      (fault) =>
        fault.harm === 'calls' &&
        (fault.machine === null || fault.machine === machine) &&
        story.placedAtMs < fault.toMs + RECOVERY_MS &&
        story.overAtMs + AFTERCARE_MS > fault.fromMs,
    );
  }

  /** Whether something that was logged then may have come of a fault; the log of a gateway tells of others' too. */
  explains(atMs: number): boolean {
    return this.#past.some(({ harm, fromMs, toMs }) => harm !== 'none' && atMs >= fromMs && atMs < toMs + EXPLAINS_MS);
  }

  async #commit(name: string, { harm, act }: Acts[string]): Promise<void> {
    const fromMs = Date.now();
    const machine = await act(this.random);
    await this.#ready();
    this.#past.push({ name, harm, machine, fromMs, toMs: Date.now() });
    this.log(`${name}${machine ? `, ${machine.id}` : ''}: ${((Date.now() - fromMs) / 1000).toFixed(1)} s`);
  }

  async #ready(): Promise<void> {
    for (const { gateway, id } of this.house.machines) await until(`${id} is ready`, () => gateway.ready(), READY_MS);
  }

  #acts(): Acts {
    const { machines } = this.house;
    const any = (random: () => number): Machine => machines[random() < 0.5 ? 0 : 1] ?? this.#last;
    return {
      ...this.#harmful(any),
      ...this.#moods(),
      // The stand-ins share one process, which is restarted by nobody.
      ...(machines[0]?.engines.crash === undefined
        ? {}
        : { 'restart of FreeSWITCH': { harm: 'calls', act: restartFreeSwitch(any) } }),
      ...this.#absences(),
    };
  }

  #harmful(any: (random: () => number) => Machine): Acts {
    const { redis } = this.house;
    // Always the second: by what the first one holds after all of it the memory is judged.
    const killGateway: Act = async (random) => {
      await this.#last.gateway.kill();
      await pause(random() * 8_000);
      await this.#last.start();
      return this.#last;
    };
    const restartRedis: Act = async (random) => {
      await redis.kill();
      await pause(random() * 3_000);
      await redis.up();
      return null;
    };
    const cut =
      (wire: 'drachtio' | 'freeswitch'): Act =>
      async (random) => {
        const machine = any(random);
        machine.wires[wire].cut();
        await pause(random() * 5_000);
        machine.wires[wire].join();
        return machine;
      };
    return {
      'kill -9 of a gateway': { harm: 'calls', act: killGateway },
      'restart of Redis': { harm: 'calls', act: restartRedis },
      'cut of the drachtio connection': { harm: 'calls', act: cut('drachtio') },
      'cut of the event socket': { harm: 'calls', act: cut('freeswitch') },
    };
  }

  /** What the receiver does changes no call. */
  #moods(): Acts {
    const { receiver } = this.house;
    const moody = (mood: Mood): Acts[string] => ({
      harm: 'deliveries',
      act: async (random) => {
        receiver.mood = mood;
        await pause(2_000 + random() * 6_000);
        receiver.mood = 'well';
        return null;
      },
    });
    return {
      'receiver: errors': moody('error'),
      'receiver: hangs': moody('hang'),
      'receiver: resets': moody('reset'),
    };
  }

  /** Whom it is passed over for is expected to end as its route says. */
  #absences(): Acts {
    const away = (mood: 'deaf' | 'gone'): Acts[string] => ({
      harm: 'none',
      act: async (random) => {
        await this.pbx.leave(mood, 6_000 + random() * 9_000);
        return null;
      },
    });
    return { 'watched line: deaf to OPTIONS': away('deaf'), 'watched line: gone': away('gone') };
  }

  get #last(): Machine {
    const last = this.house.machines.at(-1);
    if (last === undefined) throw new Error('no machine');
    return last;
  }
}

function restartFreeSwitch(any: (random: () => number) => Machine): Act {
  return async (random) => {
    const machine = any(random);
    const crashed = await machine.engines.crash?.('freeswitch');
    await pause(random() * 3_000);
    await crashed?.restart();
    return machine;
  };
}
