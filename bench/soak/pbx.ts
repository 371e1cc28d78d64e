import { setTimeout as pause } from 'node:timers/promises';
import { Phone, type AnswerScript, type PhoneOptions } from '../../src/sandbox/phone/index.js';
import { until } from '../../test/support/until.js';
import { DIALLED_MS, type LineState } from './line-state.js';

/** `deaf`: OPTIONS are not answered, calls are taken. `gone`: all of it gets 503. */
type Mood = 'well' | 'deaf' | 'gone';

interface Absence {
  mood: 'deaf' | 'gone';
  fromMs: number;
  /** Every gateway had found it down; as long as that is not so: infinity. */
  foundMs: number;
  toMs: number;
  foundBackMs: number;
}

const FOUND_MS = 30_000;
const NO_SOUND = { ring: false, media: false } as const;

/** The PBX behind the line that is watched. */
export class Pbx {
  readonly absences: Absence[] = [];
  #mood: Mood = 'well';

  private constructor(
    readonly phone: Phone,
    /** Whether every gateway finds the line so. */
    private readonly found: (up: boolean) => Promise<boolean>,
  ) {}

  static async open(options: PhoneOptions, found: (up: boolean) => Promise<boolean>): Promise<Pbx> {
    const pbx = new Pbx(await Phone.open(options), found);
    const { phone } = pbx;
    const { answers } = phone;
    phone.answers = (invite): AnswerScript => {
      if (pbx.#mood === 'gone') return { ...NO_SOUND, refuse: { status: 503 } };
      return typeof answers === 'function' ? answers(invite) : answers;
    };
    phone.stack.on('request', (transaction) => {
      if (pbx.#mood !== 'deaf') transaction.respond(pbx.#mood === 'gone' ? 503 : 200);
    });
    return pbx;
  }

  /** Goes away for a while; resolves when every gateway has found it down, and back again. */
  async leave(mood: Absence['mood'], ms: number): Promise<void> {
    const absence = { mood, fromMs: Date.now(), foundMs: Infinity, toMs: Infinity, foundBackMs: Infinity };
    this.absences.push(absence);
    this.#mood = mood;
    await until('the watched line is found down', () => this.found(false), FOUND_MS);
    absence.foundMs = Date.now();
    await pause(ms);
    absence.toMs = Date.now();
    this.#mood = 'well';
    await until('the watched line is found up again', () => this.found(true), FOUND_MS);
    absence.foundBackMs = Date.now();
  }

  /** As it was for a call that was placed then. */
  stateAt(placedAtMs: number): LineState {
    const dialledMs = placedAtMs + DIALLED_MS;
    const absence = this.absences.find(({ fromMs, foundBackMs }) => dialledMs >= fromMs && placedAtMs <= foundBackMs);
    if (absence === undefined) return 'up';
    return placedAtMs >= absence.foundMs && dialledMs < absence.toMs ? absence.mood : 'unsure';
  }
}
