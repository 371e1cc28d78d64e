import { readdir } from 'node:fs/promises';
import type { Call } from '../../src/call/call.js';
import type { CallEvent } from '../../src/call/ports.js';
import type { Seen } from './behaviour.js';
import { contradiction } from './behaviours.js';
import { trunkOf } from './configuration.js';
import { judgeRecording } from './recorded.js';
import { nameOf, type Story } from './story.js';

/** A call as the receiver was told of it. */
interface Told {
  call: Call;
  /** `sequence type`, in the order of their coming. */
  sequences: number[];
  types: string[];
  /** Redis did not answer in time who is called: the last known route was taken, also for a number that nobody has. */
  deferred: boolean;
}

/** A list of what is wrong with which calls; empty where nothing is. */
export type Findings = Record<
  | 'ends'
  | 'order'
  | 'outcomes'
  | 'ways'
  | 'deaf'
  | 'lines'
  | 'unplaced'
  | 'strays'
  | 'recordings'
  | 'lengths'
  | 'marks'
  | 'stories',
  string[]
>;

export interface Judgement {
  findings: Findings;
  accepted: number;
  touched: number;
  refused: number;
  answered: number;
  /** Talks by TLS, and by SRTP, on either side. */
  secured: number;
  measured: number;
  /** Calls for which the watched line was passed over. */
  passedOver: number;
  /** Recordings of which something was masked or paused. */
  marked: number;
  /** How often the watched line was away. */
  absences: number;
  /** Largest difference between a recording and its talk, seconds. */
  worstSeconds: number;
}

const LAST = /^call\.(?:completed|missed|rejected)$/;
const RECORDING = /^recording\.(?:ready|absent|failed)$/;
/** By then two who talk have heard each other. */
const HEARD_SECONDS = 2;

/** What else is known than what phones and receivers tell. */
export interface Circumstances {
  /** Whether a fault may have changed a call. */
  touched: (story: Story) => boolean;
  /** How the line was, of those that come and go, that such a call was for. */
  line: (story: Story) => Seen['line'];
  absences: number;
}

/** What was placed and what was told, side by side. */
export class Ledger {
  readonly stories: Story[] = [];
  readonly #told = new Map<string, Told>();
  /** Types of events of lines, by event id. */
  readonly #lines = new Map<string, string>();

  take({ type, sequence, data }: CallEvent): void {
    const told = this.#told.get(data.call.sipCallId) ?? { call: data.call, sequences: [], types: [], deferred: false };
    this.#told.set(data.call.sipCallId, told);
    told.call = data.call;
    told.sequences.push(sequence);
    told.types.push(type);
    told.deferred ||= data.call.attribution.verdict === 'deferred';
  }

  takeOther({ id, type }: { id: string; type: string }): void {
    if (type.startsWith('line.')) this.#lines.set(id, type);
  }

  idOf(sipCallId: string): string | undefined {
    return this.#told.get(sipCallId)?.call.id;
  }

  /** Calls that somebody knows of and that are not told to their end. */
  get unsettled(): number {
    const unheard = this.stories.filter((story) => isAccepted(story) && !this.#told.has(story.sipCallId)).length;
    return unheard + [...this.#told.values()].filter((told) => !isSettled(told)).length;
  }

  get told(): number {
    return this.#told.size;
  }

  /** Dispositions and reasons of all calls, counted. */
  outcomes(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { call } of this.#told.values()) {
      const name = call.lossReason ?? `answered, ${call.ended?.reason ?? 'not over'}`;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  async judge(recordings: string, circumstances: Circumstances): Promise<Judgement> {
    const judgement = newJudgement(circumstances.absences);
    for (const story of this.stories) await this.#judgeStory(story, recordings, circumstances, judgement);
    const { findings } = judgement;
    const placed = new Set(this.stories.map(({ sipCallId }) => sipCallId));
    findings.unplaced.push(...[...this.#told.keys()].filter((sipCallId) => !placed.has(sipCallId)));
    const named = new Set([...this.#told.values()].map(({ call }) => call.recording.file));
    const files = await readdir(recordings, { recursive: true });
    findings.strays.push(...files.filter((file) => file.endsWith('.wav') && !named.has(file)));
    for (const type of ['line.down', 'line.up']) {
      const times = [...this.#lines.values()].filter((one) => one === type).length;
      if (times !== circumstances.absences) findings.lines.push(`${type}: ${times} of ${circumstances.absences}`);
    }
    return judgement;
  }

  async #judgeStory(story: Story, folder: string, { touched, line }: Circumstances, to: Judgement): Promise<void> {
    const told = this.#told.get(story.sipCallId);
    const mild = touched(story);
    if (mild) to.touched += 1;
    // Where a fault was, a call may have been refused before any gateway knew of it.
    if (told === undefined && mild && !isAccepted(story)) {
      to.refused += 1;
      return;
    }
    to.accepted += 1;
    judgeEvents(story, told, to.findings);
    if (told === undefined) return;
    if (told.call.legs.some(({ obstacle }) => obstacle === 'down')) to.passedOver += 1;
    if (!mild) judgeOutcome(story, told, line(story), to.findings);
    if (told.call.disposition !== 'answered') return;
    to.answered += 1;
    // Of a 200 that crossed a CANCEL nobody can say how long the talk was.
    if (mild || story.talkSeconds === null) return;
    judgeWays(story, told.call, to);
    await judgeRecording(story, told.call, folder, to);
  }
}

function newJudgement(absences: number): Judgement {
  const names = ['ends', 'order', 'outcomes', 'ways', 'deaf', 'lines', 'unplaced', 'strays', 'recordings'] as const;
  const lists = [...names, 'lengths', 'marks', 'stories'].map((name) => [name, []]);
  return {
    findings: Object.fromEntries(lists) as Findings,
    ...{ accepted: 0, touched: 0, refused: 0, answered: 0, secured: 0, measured: 0, passedOver: 0, marked: 0 },
    absences,
    worstSeconds: 0,
  };
}

/** A gateway had it for certain: only it, or who was behind it, tells of ringing and answers. */
const isAccepted = ({ rang, answered }: Story): boolean => rang || answered;

function isSettled({ call, types }: Told): boolean {
  if (!types.some((type) => LAST.test(type))) return false;
  return call.disposition !== 'answered' || types.some((type) => RECORDING.test(type));
}

function judgeEvents(story: Story, told: Told | undefined, findings: Findings): void {
  const { sequences = [], types = [] } = told ?? {};
  const name = `${nameOf(story)}: ${types.join(' ') || 'nothing told'}`;
  if (types.filter((type) => LAST.test(type)).length !== 1) findings.ends.push(name);
  if (sequences.some((sequence, at) => sequence !== at + 1)) findings.order.push(`${name} (${sequences.join(' ')})`);
  const settled = types.filter((type) => RECORDING.test(type)).length;
  if (told?.call.disposition === 'answered' && settled !== 1) findings.recordings.push(name);
}

function judgeOutcome(story: Story, { call, deferred }: Told, line: Seen['line'], findings: Findings): void {
  const unread = deferred && story.plan.kind === 'unknown-number';
  const against = unread ? null : contradiction(call, story.plan, { ...story, line });
  if (against !== null) findings.outcomes.push(`${nameOf(story)} (${story.status}): ${against}`);
  if (story.trouble !== null) findings.stories.push(`${nameOf(story)}: ${story.trouble}`);
  const full = call.legs[0]?.result === 'no_channel';
  if (story.plan.kind === 'overflow' && full !== (call.overflow !== null))
    findings.outcomes.push(`${nameOf(story)}: overflow told ${call.overflow !== null}, main destination full: ${full}`);
}

/** Each side goes by TLS, and by SRTP, where its trunk or line says so, and they hear each other. */
function judgeWays(story: Story, call: Call, to: Judgement): void {
  const { plan, reached, deaf, talkSeconds } = story;
  const target = call.legs.find(({ result }) => result === 'answered')?.target ?? '';
  const wanted = `over ${trunkOf(plan.from)} to ${target}`;
  const found = `over ${call.trunk} to ${target.replace(/-\w+$/, `-${reached ?? 'nobody'}`)}`;
  if (found !== wanted) to.findings.ways.push(`${nameOf(story)}: ${found}, not ${wanted}`);
  if (plan.from !== 'udp' || reached !== 'udp') to.secured += 1;
  if (deaf.length === 0 || story.crowded || (talkSeconds ?? 0) < HEARD_SECONDS) return;
  to.findings.deaf.push(`${nameOf(story)}: ${deaf.join(' and ')}, in ${talkSeconds} s`);
}
