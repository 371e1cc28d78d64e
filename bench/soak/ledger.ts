import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Call } from '../../src/call/call.js';
import type { CallEvent } from '../../src/call/ports.js';
import { wavSeconds } from '../lib/recordings.js';
import { contradiction, type Plan } from './behaviours.js';

/** A call as its caller tells it. */
export interface Story {
  plan: Plan;
  sipCallId: string;
  placedAtMs: number;
  overAtMs: number;
  /** He was told of ringing. */
  rang: boolean;
  answered: boolean;
  /** Final response to the INVITE; null where none came. */
  status: number | null;
  /** From the 200 to the first BYE. */
  talkSeconds: number | null;
  /** What went otherwise than any end of a call could explain. */
  trouble: string | null;
  /** Meanwhile this machine had no time left: sound came late, or not at all. */
  crowded: boolean;
}

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
  'ends' | 'order' | 'outcomes' | 'unplaced' | 'strays' | 'recordings' | 'lengths' | 'stories',
  string[]
>;

export interface Judgement {
  findings: Findings;
  accepted: number;
  touched: number;
  refused: number;
  answered: number;
  measured: number;
  /** Largest difference between a recording and its talk, seconds. */
  worstSeconds: number;
}

const LAST = /^call\.(?:completed|missed|rejected)$/;
const RECORDING = /^recording\.(?:ready|absent|failed)$/;
/** Of the talk, and two packets of either side beside it: of half a second 2 % would be half a packet. */
const TOLERANCE = 0.02;
const TOLERANCE_SECONDS = 0.1;
const TOO_SHORT_SECONDS = 0.3;

/** What was placed and what was told, side by side. */
export class Ledger {
  readonly stories: Story[] = [];
  readonly #told = new Map<string, Told>();

  take({ type, sequence, data }: CallEvent): void {
    const told = this.#told.get(data.call.sipCallId) ?? { call: data.call, sequences: [], types: [], deferred: false };
    this.#told.set(data.call.sipCallId, told);
    told.call = data.call;
    told.sequences.push(sequence);
    told.types.push(type);
    told.deferred ||= data.call.attribution.verdict === 'deferred';
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

  /** `touched`: whether a fault may have changed a call. */
  async judge(recordings: string, touched: (story: Story) => boolean): Promise<Judgement> {
    const findings: Findings = {
      ends: [],
      order: [],
      outcomes: [],
      unplaced: [],
      strays: [],
      recordings: [],
      lengths: [],
      stories: [],
    };
    const counts = { accepted: 0, touched: 0, refused: 0, answered: 0, measured: 0, worstSeconds: 0 };
    for (const story of this.stories) {
      const told = this.#told.get(story.sipCallId);
      const mild = touched(story);
      if (mild) counts.touched += 1;
      // Where a fault was, a call may have been refused before any gateway knew of it.
      if (told === undefined && mild && !isAccepted(story)) {
        counts.refused += 1;
        continue;
      }
      counts.accepted += 1;
      judgeEvents(story, told, findings);
      if (told === undefined) continue;
      if (!mild) judgeOutcome(story, told, findings);
      if (told.call.disposition !== 'answered') continue;
      counts.answered += 1;
      // Of a 200 that crossed a CANCEL nobody can say how long the talk was.
      if (mild || story.talkSeconds === null) continue;
      const off = await judgeRecording(story, told.call, recordings, findings);
      if (off === null) continue;
      counts.measured += 1;
      if (Math.abs(off) > Math.abs(counts.worstSeconds)) counts.worstSeconds = off;
    }
    const placed = new Set(this.stories.map(({ sipCallId }) => sipCallId));
    findings.unplaced.push(...[...this.#told.keys()].filter((sipCallId) => !placed.has(sipCallId)));
    const named = new Set([...this.#told.values()].map(({ call }) => call.recording.file));
    const files = await readdir(recordings, { recursive: true });
    findings.strays.push(...files.filter((file) => file.endsWith('.wav') && !named.has(file)));
    return { findings, ...counts };
  }
}

/** A gateway had it for certain: only it, or who was behind it, tells of ringing and answers. */
const isAccepted = ({ rang, answered }: Story): boolean => rang || answered;

function isSettled({ call, types }: Told): boolean {
  if (!types.some((type) => LAST.test(type))) return false;
  return call.disposition !== 'answered' || types.some((type) => RECORDING.test(type));
}

const nameOf = ({ plan, sipCallId }: Story): string =>
  `${plan.kind} ${plan.caller} gw-${plan.machine + 1} ${sipCallId}`;

function judgeEvents(story: Story, told: Told | undefined, findings: Findings): void {
  const { sequences = [], types = [] } = told ?? {};
  const name = `${nameOf(story)}: ${types.join(' ') || 'nothing told'}`;
  if (types.filter((type) => LAST.test(type)).length !== 1) findings.ends.push(name);
  if (sequences.some((sequence, at) => sequence !== at + 1)) findings.order.push(`${name} (${sequences.join(' ')})`);
  const settled = types.filter((type) => RECORDING.test(type)).length;
  if (told?.call.disposition === 'answered' && settled !== 1) findings.recordings.push(name);
}

function judgeOutcome(story: Story, { call, deferred }: Told, findings: Findings): void {
  const unread = deferred && story.plan.kind === 'unknown-number';
  const against = unread ? null : contradiction(call, story.plan, story.answered);
  if (against !== null) findings.outcomes.push(`${nameOf(story)} (${story.status}): ${against}`);
  if (story.trouble !== null) findings.stories.push(`${nameOf(story)}: ${story.trouble}`);
  const full = call.legs[0]?.result === 'no_channel';
  if (story.plan.kind === 'overflow' && full !== (call.overflow !== null))
    findings.outcomes.push(`${nameOf(story)}: overflow told ${call.overflow !== null}, main destination full: ${full}`);
}

/** The recording's length less that of the talk, seconds; null where there is nothing to compare. */
async function judgeRecording(story: Story, call: Call, folder: string, findings: Findings): Promise<number | null> {
  const { status, file, startedAt, reason } = call.recording;
  // FreeSWITCH keeps no file of less.
  if (reason === 'too_short' && (story.talkSeconds ?? 0) < TOO_SHORT_SECONDS) return null;
  const seconds = status !== 'ready' || file === null ? null : await wavSeconds(join(folder, file));
  if (seconds === null) {
    findings.recordings.push(`${nameOf(story)}: ${status} ${reason ?? ''} after ${story.talkSeconds} s`);
    return null;
  }
  if (call.answeredAt === null || startedAt === null) return null;
  // FreeSWITCH records from the bridge on, which on a busy machine is a while behind the answer.
  const late = Math.max(0, Date.parse(startedAt) - Date.parse(call.answeredAt)) / 1000;
  const most = story.talkSeconds ?? 0;
  const least = most - late - silentSeconds(story);
  const off = seconds > most ? seconds - most : Math.min(0, seconds - least);
  if (story.crowded) return null;
  if (Math.abs(off) > most * TOLERANCE + TOLERANCE_SECONDS)
    findings.lengths.push(`${nameOf(story)}: ${seconds} s of ${most.toFixed(3)} s, ${late} s late`);
  return off;
}

/** While the caller's own leg holds, or sends nothing, FreeSWITCH may write nothing. */
function silentSeconds({ plan, talkSeconds }: Story): number {
  if (plan.kind === 'rtp-stops') return Math.max(0, (talkSeconds ?? 0) - plan.talkMs / 1000);
  // Resuming takes FreeSWITCH 0.25 s.
  return plan.kind === 'hold' && !plan.byBusiness ? plan.talkMs / 3000 + 0.5 : 0;
}
