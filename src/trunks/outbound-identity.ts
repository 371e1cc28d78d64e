import { isSupportedCountry, Metadata, parsePhoneNumberFromString } from 'libphonenumber-js/min';
import type { TrunkConfig } from '../config/schema.js';

/** How a carrier wants numbers written. */
export interface NumberFormat {
  format: 'e164' | 'plain' | 'national' | 'international';
  /** Dialled before the number. */
  prefix: string;
  /** Two letters: by whose habits `national` and `international` are written. */
  country: string;
}

/** Who calls and which number he dialled, as far as the called side may be told. */
export interface CallerIdentity {
  /** E.164; null where unknown or withheld. */
  number: string | null;
  withheld: boolean;
  /** null where withheld. */
  name: string | null;
  /** What the caller dialled, in E.164. */
  trackingNumber: string;
}

/** From and the identity headers of an INVITE to a carrier. */
export interface OutboundIdentity {
  from: { user: string; displayName: string | null; host?: string };
  headers: Record<string, string>;
}

type Outbound = Pick<
  NonNullable<TrunkConfig['outbound']>,
  'to' | 'callerId' | 'assertedIdentity' | 'diversion' | 'numbers'
>;

const DEFAULT_COUNTRY = 'RU';

/** The country whose habits a trunk's outbound numbers follow. */
export function outboundCountry(trunk: TrunkConfig): string {
  return trunk.outbound?.numbers.country ?? trunk.inbound?.numbers.country ?? DEFAULT_COUNTRY;
}

/**
 * A number as the carrier wants it: `+74951230000`, `74951230000`, `84951230000` (a foreign number in the international
 * way), `81074951230000`. What is no E.164 number stays as it is, behind the prefix.
 */
export function formatNumber(e164: string, { format, prefix, country }: NumberFormat): string {
  if (!/^\+\d+$/.test(e164)) return prefix + e164;
  switch (format) {
    case 'e164':
      return prefix + e164;
    case 'plain':
      return prefix + e164.slice(1);
    case 'national':
      return prefix + (nationalDigits(e164, country) ?? internationalPrefix(country) + e164.slice(1));
    case 'international':
      return prefix + internationalPrefix(country) + e164.slice(1);
  }
}

/** As dialled within the country; null for a number of another country. */
function nationalDigits(e164: string, country: string): string | null {
  const parsed = parsePhoneNumberFromString(e164);
  const plan = planOf(country);
  if (!parsed || !plan || parsed.countryCallingCode !== plan.callingCode) return null;
  return (plan.nationalPrefix ?? '') + parsed.nationalNumber;
}

function internationalPrefix(country: string): string {
  return planOf(country)?.internationalPrefix ?? '00';
}

interface Plan {
  callingCode: string;
  nationalPrefix: string | null;
  internationalPrefix: string | null;
}

/** What we use of the library's metadata and its declarations leave out. */
interface NumberingPlan {
  callingCode(): string;
  nationalPrefix(): string | undefined;
  IDDPrefix(): string | undefined;
  defaultIDDPrefix(): string | undefined;
}

function planOf(country: string): Plan | null {
  if (!isSupportedCountry(country)) return null;
  const metadata = new Metadata();
  metadata.selectNumberingPlan(country);
  const plan = metadata.numberingPlan as unknown as NumberingPlan | undefined;
  if (!plan) return null;
  // "8~10" asks a person to wait for the tone; patterns like "00[1-9]" are several carriers' and name none.
  const idd = (plan.defaultIDDPrefix() ?? plan.IDDPrefix() ?? '').replaceAll('~', '');
  return {
    callingCode: plan.callingCode(),
    nationalPrefix: plan.nationalPrefix() ?? null,
    internationalPrefix: /^\d+$/.test(idd) ? idd : null,
  };
}

/**
 * What the carrier is told of the caller, by the trunk's policy. A withheld caller is anonymous in From and asks for
 * privacy (RFC 3323, RFC 3325); his number goes nowhere, since nothing behind the reading of his INVITE knows it.
 */
export function outboundIdentity(caller: CallerIdentity, outbound: Outbound, country: string): OutboundIdentity {
  const written = (number: string) => formatNumber(number, { format: outbound.numbers.format, prefix: '', country });
  const fixed = outbound.callerId === 'passthrough' ? null : outbound.callerId;
  const headers: Record<string, string> = {};
  if (caller.withheld && fixed === null) headers['Privacy'] = 'id';
  if (outbound.assertedIdentity && caller.number !== null) {
    // drachtio puts its own address in the place of "localhost".
    headers['P-Asserted-Identity'] = `<sip:${written(caller.number)}@localhost>`;
  }
  if (outbound.diversion && caller.trackingNumber.startsWith('+')) {
    const host = hostOf(outbound.to[0]?.uri ?? '');
    headers['Diversion'] = `<sip:${written(caller.trackingNumber)}@${host}>;reason=unconditional;privacy=off;counter=1`;
  }
  const account = /^sip:([^@]+)@(.+)$/i.exec(fixed ?? '');
  if (account) return { from: { user: account[1] ?? '', host: account[2] ?? '', displayName: caller.name }, headers };
  const shown = fixed ?? caller.number;
  if (shown !== null) return { from: { user: written(shown), displayName: caller.name }, headers };
  return { from: { user: 'anonymous', displayName: 'Anonymous', host: 'anonymous.invalid' }, headers };
}

/** Host of a SIP URI, without port and parameters. */
function hostOf(uri: string): string {
  return /^sips?:(?:[^@]*@)?(\[[^\]]*\]|[^:;?>]+)/i.exec(uri)?.[1] ?? 'localhost';
}
