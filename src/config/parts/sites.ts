import { z } from 'zod';
import { duration, durationOf, e164, id, languageTag, sound, sourceTexts, timeZone } from '../words.js';
import { SCREENING_ACTIONS } from '../../call/call.js';
import { siteRecording } from './recordings.js';

/** `sites` and `numbers`: projects, how they lend their numbers and whose calls they take. */

/** The numbers that a site lends to its visitors. */
const pool = z
  .strictObject({
    /** How long a number is lent, and how much longer with each extension. */
    lease: durationOf('10m', 7 * 86_400_000, '7d'),
    /** The longest lease that may be asked for at once. */
    maxLease: durationOf('24h', 30 * 86_400_000, '30d'),
    /** How long a number rests after a lease before somebody else gets it. */
    quarantine: durationOf('10m', 30 * 86_400_000, '30d'),
    /** Share of the pool still free at which `pool.low` is told. */
    low: z.number().min(0).max(1).default(0.2),
    /** Shown to visitors for whom no number is free. */
    fallback: e164.optional(),
    /** How long it is remembered who has had a number. */
    holders: durationOf('30d', 400 * 86_400_000, '400d'),
  })
  .refine(({ lease, maxLease }) => lease <= maxLease, { path: ['lease'], error: 'at most "maxLease"' });

/** Lets the site's own pages borrow numbers for their visitors (`/dni.js`); docs/snippet.md. */
const snippet = z.strictObject({
  /** Stands in the page, so it is no secret: it lets borrow numbers of this site, from these origins, and nothing else. */
  key: z.string().regex(/^[\w-]{16,64}$/, 'letters, digits, "_" and "-", 16 to 64 of them'),
  /** Where the pages are: `https://shop.example`, or `https://*.shop.example` for every name below it. */
  origins: z
    .array(
      z
        .string()
        .regex(
          /^https?:\/\/(\*\.)?[a-z0-9.-]+(:\d{1,5})?$/,
          'an origin like "https://shop.example" or "https://*.shop.example"',
        )
        // Browsers leave it out, so no page would ever be of this origin.
        .refine((origin) => !/^(https:.*:443|http:.*:80)$/.test(origin), 'an origin without the port of its scheme'),
    )
    .min(1)
    .max(100),
  /** Requests a minute from one address; above it 429. A page asks once, and then once in half a lease. */
  perAddress: z.int().min(1).max(100_000).default(60),
  /** Of the pool's numbers, those that the visitors of one address may hold together; 1: all. */
  sharePerAddress: z.number().min(0.01).max(1).default(0.5),
});

/** A number, or the beginning that all of a range have in common. */
export const callerPattern = z
  .string()
  .regex(/^\+[1-9]\d{0,14}\*?$/, 'a number like "+79160000001", or a beginning like "+7916*"');

const screeningAction = z.enum(SCREENING_ACTIONS);

const screeningWindow = (most: '1h' | '24h') =>
  duration.pipe(z.number().max(most === '1h' ? 3_600_000 : 86_400_000, `at most ${most}`));

/** Short codes that callers key in, or tell the operator. */
const promo = z
  .strictObject({
    /** Whether a visitor gets a code beside a number, in its place, or not at all. */
    lend: z.enum(['never', 'beside', 'instead']).default('never'),
    /** Of a code; the last one is a check digit. */
    digits: z.int().min(3).max(9).default(5),
    /** How long a code is a visitor's, and how much longer each time he is seen. */
    lease: durationOf('24h', 30 * 86_400_000, '30d'),
    /** How much longer it still counts, before it may be lent to somebody else. */
    rest: durationOf('24h', 30 * 86_400_000, '30d'),
    /** Who is asked for a code before anybody is dialled; `unsure`: whose visit is not known for certain. */
    ask: z.enum(['never', 'unsure', 'always']).default('never'),
    /** What asks. */
    announcement: sound.optional(),
    /** What is said after a time-out or too few digits; `announcement` where left out. */
    retry: sound.optional(),
    /** How long the first key, and each further one, may take. */
    timeout: durationOf('5s', 20_000, '20s').pipe(z.number().min(1000, 'at least 1s')),
    tries: z.int().min(1).max(3).default(2),
  })
  .refine(({ ask, announcement }) => ask === 'never' || announcement !== undefined, {
    path: ['announcement'],
    error: 'a sound file: callers are asked for their code',
  });

const siteFields = z.strictObject({
  id,
  /** In which announcements are played, one after the other. */
  languages: z.array(languageTag).min(1).max(5).default(['en']),
  timezone: timeZone.default('UTC'),
  defaultRoute: id,
  webhooks: z.array(id).default([]),
  /** The tag `repeat` for who has called before. */
  repeat: z
    .strictObject({
      tag: z.boolean().default(true),
      /** How long ago his last call may be. */
      within: durationOf('30d', 400 * 86_400_000, '400d'),
      /** Which calls count: `any`, or only those that somebody `answered`. */
      after: z.enum(['any', 'answered']).default('any'),
    })
    .prefault({}),
  /** Rules against spam and fraud; none unless given. */
  screening: z
    .strictObject({
      allow: z.array(callerPattern).max(1000).default([]),
      block: z.array(callerPattern).max(1000).default([]),
      blockAction: screeningAction.default('reject'),
      rate: z
        .strictObject({ calls: z.int().min(1).max(50), within: screeningWindow('24h'), action: screeningAction })
        .optional(),
      range: z
        .strictObject({ calls: z.int().min(1).max(1000), within: screeningWindow('1h'), action: screeningAction })
        .optional(),
      short: z
        .strictObject({
          calls: z.int().min(1).max(50),
          under: durationOf('5s', 600_000, '10m'),
          within: durationOf('24h', 86_400_000, '24h'),
          action: screeningAction,
        })
        .optional(),
      hopping: z
        .strictObject({ numbers: z.int().min(2).max(50), within: screeningWindow('24h'), action: screeningAction })
        .optional(),
      /** Sound file or tone_stream for the action `announce`. */
      announcement: z.string().min(1).optional(),
    })
    .prefault({}),
  /** Whose call is it; docs/attribution.md tells how sure each verdict is. */
  attribution: z
    .strictObject({
      /** How long after the end of his lease a visitor may still call and be found. */
      graceSeconds: z.int().min(0).max(86_400).default(900),
      /** How long an attributed call speaks for later calls of the same caller; 0: not at all. */
      returningDays: z.int().min(0).max(365).default(30),
      /** Share of all that speaks for anybody from which the likeliest holder is taken for certain. */
      sureFrom: z.number().min(0.5).max(1).default(0.95),
    })
    .prefault({}),
  pool: pool.prefault({}),
  snippet: snippet.optional(),
  promo: promo.prefault({}),
  /** What its recordings have of their own; the rest is that of `recordings`. */
  recording: siteRecording.prefault({}),
});

export const site = siteFields.refine(({ attribution, pool }) => pool.holders >= attribution.graceSeconds * 1000, {
  path: ['pool', 'holders'],
  error: 'at least "attribution.graceSeconds": who calls late is known by it',
});

export const number = z.strictObject({
  number: e164,
  site: id,
  kind: z.enum(['dynamic', 'static']),
  route: id.optional(),
  source: sourceTexts.optional(),
});
