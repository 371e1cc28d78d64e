/**
 * Numbers as carriers write them → E.164. Pure; nothing here throws, whatever came in by SIP.
 *
 * libphonenumber-js with its `min` metadata: we ask for lengths and the general pattern of a country, never for the
 * kind of a number, and the exact ranges of `max` would refuse numbers younger than the package, which do call.
 * Where it does not serve, because it reads what people write and not what switches send, rules of our own stand:
 * 810 and 00 from any trunk, international numbers without a plus, a plus before a national form, phone-context.
 */
import {
  type CountryCode,
  getCountryCallingCode,
  isSupportedCountry,
  Metadata,
  parsePhoneNumberFromString,
  type PhoneNumber,
} from 'libphonenumber-js/min';

/** Longer than any honest header; what exceeds it is not read. */
const MAX_URI = 1024;
const MAX_HEADER = 2048;
const MAX_NAME = 128;
/** Countries where 8~10 dials abroad, or did until lately, and 8 dials another city. */
const EIGHT_TEN = new Set(['RU', 'KZ', 'BY', 'UZ', 'TM', 'TJ', 'KG', 'AZ']);

/** What a request says of its caller: whole header values, as received. */
export interface CallerHeaders {
  from: string | null | undefined;
  /** May hold several values, separated by commas (RFC 3325 section 9.1: one SIP and one tel URI). */
  pAssertedIdentity?: string | null | undefined;
  /** What PBXs and older carriers send in its place (draft-ietf-sip-privacy-04); may hold several values as well. */
  remotePartyId?: string | null | undefined;
  pPreferred?: string | null | undefined;
  privacy?: string | null | undefined;
  /** Whether this source's P-Asserted-Identity, and the likes of it, are believed (trunk's `trustAssertedIdentity`). */
  trusted: boolean;
  /** ISO 3166 code of the trunk's numbering plan (`inbound.numbers.country`). */
  country: string;
}

interface Caller {
  /** E.164; null where withheld or not a number of the public network. */
  number: string | null;
  withheld: boolean;
  /** Display name, decoded and cleaned, at most 128 characters. */
  name: string | null;
}

/**
 * Reads a called or calling number.
 * @param raw a SIP or tel URI, a name-addr, or only the user part
 * @param country ISO 3166 code by whose rules numbers without a plus are read
 * @returns E.164, or null for what is no number of the public network (names, internal and service numbers)
 */
export function readNumber(raw: string, country: string): string | null {
  const { user, context } = splitUri(raw);
  const text = bareDigits(user);
  // Behind the number there may be digits to dial after the answer (",123", "p123"): not part of it.
  const [, plus = '', digits = ''] = /^(\+*)(\d{1,32})(?:[,pw].*)?$/i.exec(text) ?? [];
  if (!digits) return null;
  const plan = planOf(country);
  if (plus) return inFull(digits, plan) ?? afterPlus(digits, plan);
  return (context ? inContext(digits, context, plan) : null) ?? dialled(digits, plan);
}

/** Digits as people and phones write them, without what separates them; most carriers send nothing else. */
function bareDigits(user: string): string {
  if (/^\+?\d+$/.test(user)) return user;
  return decode(user)
    .normalize('NFKC')
    .replace(/[\s\p{Cf}\p{Pd}\u2212()./]/gu, '');
}

/** The same numbers are dialled all day, and each reading looks through the plans of all countries. */
const dialledBefore = new Map<string, string | null>();
const MOST_DIALLED = 10_000;
const LONGEST_KEPT = 100;

/** What a request says of the number called; headers whole, asked for only where they are needed. */
export interface CalledHeaders {
  requestUri: string;
  calledParty: () => string | null | undefined;
  to: () => string | null | undefined;
  /** As which we register with the carrier. */
  account: string | undefined;
  /** ISO 3166 code of the trunk's numbering plan. */
  country: string;
}

/**
 * Reads the number called: the Request-URI's. But a carrier with which we register may dial the contact that we gave it
 * (RFC 3261 16.5), whose user is our account: then the number stands in P-Called-Party-ID (RFC 7315 4.2) or in To.
 */
export function readCalled({ requestUri, calledParty, to, account, country }: CalledHeaders): string | null {
  const ofUri = readDialled(requestUri, country);
  if (ofUri !== null && splitUri(requestUri).user !== account) return ofUri;
  return readDialled(calledParty() ?? '', country) ?? readDialled(to() ?? '', country) ?? ofUri;
}

/** A called number, as `readNumber` reads it. */
function readDialled(raw: string, country: string): string | null {
  const key = `${country} ${raw}`;
  const known = dialledBefore.get(key);
  if (known !== undefined) return known;
  const number = readNumber(raw, country);
  if (raw.length > LONGEST_KEPT) return number;
  if (dialledBefore.size >= MOST_DIALLED) dialledBefore.clear();
  dialledBefore.set(key, number);
  return number;
}

/**
 * Reads who calls. RFC 3323 and 3325: who asked for privacy stays unnamed even where the carrier tells us the number.
 */
export function readCaller(headers: CallerHeaders): Caller {
  const privacy = new Set(
    (headers.privacy ?? '')
      .slice(0, MAX_HEADER)
      .toLowerCase()
      .split(/[;,\s]+/),
  );
  const remote = readRemoteParty(headers.remotePartyId ?? '');
  if (privacy.has('id') || privacy.has('user') || remote.hidden) return { number: null, withheld: true, name: null };
  const from = readNameAddr(headers.from ?? '');
  if (asksForPrivacy(from) && !privacy.has('none')) return { number: null, withheld: true, name: null };

  const asserted = headers.trusted ? splitList(headers.pAssertedIdentity ?? '').map(readNameAddr) : [];
  const remoteParty = headers.trusted ? remote.identities : [];
  const preferred = headers.trusted ? splitList(headers.pPreferred ?? '').map(readNameAddr) : [];
  for (const identity of [...asserted, ...remoteParty, from, ...preferred]) {
    const number = readNumber(identity.uri, headers.country);
    if (number) return { number, withheld: false, name: readName(identity.name) ?? readName(from.name) };
  }
  if (namesNobody(from)) return { number: null, withheld: true, name: null };
  return { number: null, withheld: false, name: readName(from.name) };
}

/** Text that came in by SIP, fit for logs, JSON and pages: decoded where that works, without control characters. */
export function readName(raw: string): string | null {
  const text = decode(raw.slice(0, MAX_HEADER))
    .replace(/[\p{Cs}]/gu, '\ufffd')
    .replace(/[\p{Zl}\p{Zp}\s]+/gu, ' ')
    // Direction overrides as well: they turn the text around them on a page.
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu, '')
    .trim();
  if (!text || /^[+\d\s().-]*$/.test(text) || /^(unavailable|unknown|anonymous|restricted)$/i.test(text)) return null;
  return Array.from(text).slice(0, MAX_NAME).join('');
}

// --- SIP syntax ------------------------------------------------------------------------------------------------

interface NameAddr {
  name: string;
  uri: string;
}

function readNameAddr(raw: string): NameAddr {
  const text = raw.slice(0, MAX_HEADER).trim();
  const [quoted = '', content = ''] = /^"((?:[^"\\]|\\.)*)"/s.exec(text) ?? [];
  const rest = text.slice(quoted.length);
  const open = rest.indexOf('<');
  const name = quoted ? content.replace(/\\(.)/gs, '$1') : rest.slice(0, Math.max(open, 0)).replaceAll('"', '').trim();
  if (open < 0) return { name, uri: rest.trim() };
  const close = rest.indexOf('>', open);
  return { name, uri: rest.slice(open + 1, close < 0 ? undefined : close) };
}

/** Splits at commas that stand neither in quotes nor in angle brackets. */
function splitList(raw: string): string[] {
  const values = raw.slice(0, MAX_HEADER).match(/(?:"(?:[^"\\]|\\.)*"|<[^>]*>|[^,])+/gs) ?? [];
  return values.map((value) => value.trim()).filter(Boolean);
}

/** Who calls by Remote-Party-ID; hidden where he asked for it (`privacy=full` or `uri`), and then it names nobody. */
function readRemoteParty(raw: string): { identities: NameAddr[]; hidden: boolean } {
  const parts = splitList(raw).map((value) => {
    const params = value.slice(value.lastIndexOf('>') + 1);
    const param = (name: string): string =>
      new RegExp(`;\\s*${name}\\s*=\\s*"?([\\w-]*)`, 'i').exec(params)?.[1]?.toLowerCase() ?? '';
    return { identity: readNameAddr(value), party: param('party'), privacy: param('privacy') };
  });
  const calling = parts.filter(({ party }) => party === '' || party === 'calling');
  return {
    identities: calling.map(({ identity }) => identity),
    hidden: calling.some(({ privacy }) => privacy === 'full' || privacy === 'uri'),
  };
}

interface UriParts {
  user: string;
  host: string;
  /** Digits of a global `phone-context` (RFC 3966 section 5.1.5); null for none and for domains. */
  context: string | null;
}

function splitUri(raw: string): UriParts {
  const uri = raw.includes('<') ? readNameAddr(raw).uri : raw.trim();
  if (uri.length > MAX_URI) return { user: '', host: '', context: null };
  const [, scheme = '', rest = ''] = /^(sips?:|tel:)?(.*)$/is.exec(uri) ?? [];
  const at = rest.lastIndexOf('@');
  const hostless = at < 0 && (!/^sip/i.test(scheme) || /^\+?\d{5,}(;|$)/.test(rest));
  const userAndParams = hostless ? rest : rest.slice(0, Math.max(at, 0));
  const hostAndParams = hostless ? '' : rest.slice(at + 1);
  // Parameters of the number (;npdi, ;rn=, ;ext=, ;phone-context=) stand in the user part (RFC 3261 section 19.1.6),
  // and with some switches behind the host. `rn` is where the network routes to, not who it is.
  const [user = ''] = userAndParams.split(';');
  const context = /;phone-context=([^;?]*)/i.exec(`${userAndParams};${hostAndParams}`)?.[1];
  return {
    user: user.replace(/^([^:]*):.*$/s, '$1'),
    host: hostAndParams.split(/[;:?]/)[0]?.toLowerCase() ?? '',
    context: /^\+([\d().-]+)$/.exec(decode(context ?? ''))?.[1]?.replace(/\D/g, '') ?? null,
  };
}

/** Percent-decoding that leaves alone what is not well-formed UTF-8. */
function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replaceAll(/%2B/gi, '+');
  }
}

// --- Withheld callers ------------------------------------------------------------------------------------------

const HIDDEN = /^(anonymous|restricted|private|withheld|clir|number[ ._-]?withheld|id[ ._-]?unavailable)$/i;
const UNKNOWN = /^(unavailable|unknown|nobody|none|null|asterisk|-)?$/i;

/** The caller asked not to be named: `anonymous` as user or name, or the domain of RFC 3323 section 4.1.1.3. */
function asksForPrivacy(from: NameAddr): boolean {
  const { user, host } = splitUri(from.uri);
  return /(^|\.)anonymous\.invalid$/.test(host) || HIDDEN.test(decode(user)) || HIDDEN.test(from.name.trim());
}

/** The network has no number for us. */
function namesNobody(from: NameAddr): boolean {
  const user = decode(splitUri(from.uri).user).trim();
  return UNKNOWN.test(user) || HIDDEN.test(user);
}

// --- Numbering -------------------------------------------------------------------------------------------------

interface Plan {
  country: CountryCode;
  callingCode: string;
  internationalPrefix: RegExp;
  /** The length of every number of the country without its prefixes; null where lengths differ. */
  fixedLength: number | null;
}

const plans = new Map<string, Plan | null>();

function planOf(country: string): Plan | null {
  const known = plans.get(country);
  if (known !== undefined) return known;
  const plan = isSupportedCountry(country) ? compilePlan(country) : null;
  plans.set(country, plan);
  return plan;
}

function compilePlan(country: CountryCode): Plan {
  const metadata = new Metadata();
  metadata.selectNumberingPlan(country);
  const prefix = metadata.numberingPlan?.IDDPrefix() ?? '00';
  const callingCode = getCountryCallingCode(country);
  const lengths = (metadata.numberingPlan?.possibleLengths() ?? []).filter((length) => fits(callingCode, length));
  return {
    country,
    callingCode,
    // 00 is the ITU's prefix (E.164, annex B), and switches send it in every country.
    internationalPrefix: new RegExp(`^(?:${prefix}${EIGHT_TEN.has(country) ? '|810' : ''}|00)`),
    fixedLength: lengths.length === 1 ? (lengths[0] ?? null) : null,
  };
}

/** The metadata of +7 has 14 digits beside 10, which would make two numbers run together look like one. */
function fits(callingCode: string, nationalLength: number): boolean {
  return callingCode !== '7' || nationalLength === 10;
}

function isPossible(parsed: PhoneNumber | undefined): parsed is PhoneNumber {
  if (!parsed?.isPossible() || !fits(parsed.countryCallingCode, parsed.nationalNumber.length)) return false;
  // Germany's metadata allows more than the 15 digits of E.164.
  return /^\+[1-9]\d{6,14}$/.test(parsed.number);
}

/**
 * A number of the trunk's own country, whole and with its code, where all its numbers are of one length: that is all which
 * `international` would look at, and it looks through the plans of all countries for each caller.
 */
function inFull(digits: string, plan: Plan | null): string | null {
  const { callingCode, fixedLength } = plan ?? { callingCode: '', fixedLength: null };
  if (fixedLength === null || digits.length !== callingCode.length + fixedLength) return null;
  // A 0 behind the code may be one that is dialled within the country only.
  return digits.startsWith(callingCode) && digits[callingCode.length] !== '0' ? `+${digits}` : null;
}

function international(digits: string): string | null {
  const parsed = parsePhoneNumberFromString(`+${digits}`);
  return isPossible(parsed) ? parsed.number : null;
}

/**
 * A 0 behind the country's code (`+49 (0)30…`) may be read over, but `+88005553535` would be Bangladesh's then, and
 * `+810998…` Japan's: where it is a number without the plus, that is it.
 */
function afterPlus(digits: string, plan: Plan | null): string | null {
  const whole = international(digits);
  if (whole === `+${digits}`) return whole;
  const misplaced = misplacedPlus(digits, plan);
  if (whole === null || misplaced === null) return whole ?? misplaced;
  return parsePhoneNumberFromString(misplaced)?.isValid() ? misplaced : whole;
}

/** `+8916…`, `+00…`: a switch that puts a plus before whatever it has. No country's code begins so. */
function misplacedPlus(digits: string, plan: Plan | null): string | null {
  return plan && (afterInternationalPrefix(digits, plan) ?? afterOwnPrefix(digits, plan));
}

/** A local number within `+7495` or `+7`. Switches also send the whole number with it: then nothing is put before. */
function inContext(digits: string, context: string, plan: Plan | null): string | null {
  const whole = digits.startsWith(context) ? international(digits) : null;
  return whole ?? (plan && afterOwnPrefix(digits, plan)) ?? international(context + digits);
}

/** Digits without a plus, by the habits of one country. The order matters: from the surest reading to the weakest. */
function dialled(digits: string, plan: Plan | null): string | null {
  if (!plan) return international(digits.replace(/^00/, ''));
  return (
    afterInternationalPrefix(digits, plan) ??
    wholeNational(digits, plan) ??
    afterOwnPrefix(digits, plan) ??
    withoutPlus(digits) ??
    looseNational(digits, plan)
  );
}

function afterInternationalPrefix(digits: string, plan: Plan): string | null {
  const prefix = plan.internationalPrefix.exec(digits)?.[0];
  return prefix ? international(digits.slice(prefix.length)) : null;
}

/** Exactly as long as the country's numbers are: `9160000001` on a Russian trunk. */
function wholeNational(digits: string, plan: Plan): string | null {
  if (digits.length !== plan.fixedLength) return null;
  const parsed = parsePhoneNumberFromString(`+${plan.callingCode}${digits}`);
  return parsed?.isValid() && parsed.nationalNumber === digits ? parsed.number : null;
}

/** Behind the country's own code or its long-distance prefix: `7916…`, `8916…`, `030…`, `1212…`. */
function afterOwnPrefix(digits: string, plan: Plan): string | null {
  const parsed = parsePhoneNumberFromString(digits, plan.country);
  if (isPossible(parsed) && parsed.isValid() && parsed.nationalNumber !== digits) return parsed.number;
  // The metadata has forgotten the 8 of countries that gave it up; their exchanges have not.
  if (!EIGHT_TEN.has(plan.country) || !digits.startsWith('8')) return null;
  return plan.fixedLength === null ? null : wholeNational(digits.slice(1), plan);
}

/** `380501234567`: international, the plus lost on the way. Believed only where the number is valid there. */
function withoutPlus(digits: string): string | null {
  const parsed = digits.length >= 9 ? parsePhoneNumberFromString(`+${digits}`) : undefined;
  return isPossible(parsed) && parsed.isValid() ? parsed.number : null;
}

/** National digits with the prefix left out, where lengths differ: `3012345678` on a German trunk. */
function looseNational(digits: string, plan: Plan): string | null {
  const parsed = digits.length >= 8 ? parsePhoneNumberFromString(digits, plan.country) : undefined;
  return isPossible(parsed) && parsed.isValid() ? parsed.number : null;
}
