import { describe, expect, it } from 'vitest';
import type { Attribution, Call, VisitorSession } from '../../../src/call/call.js';
import { HEADER_FIELDS, type LineConfig } from '../../../src/config/schema.js';
import { shownOnPhone } from '../../../src/lines/display.js';
import { exampleCall } from '../../redis/examples.js';

const NO_UTM = { source: null, medium: null, campaign: null, content: null, term: null };

const session = (fields: Partial<VisitorSession> = {}): VisitorSession => ({
  id: 's-1',
  visitorId: 'v-1',
  landingPage: 'https://shop.example/%D0%B4%D0%B8%D0%B2%D0%B0%D0%BD%D1%8B?utm_source=yandex',
  referrer: 'https://www.yandex.example/search?text=x',
  keyword: 'угловой диван',
  gclid: null,
  yclid: null,
  gaClientId: null,
  ymClientId: null,
  utm: { ...NO_UTM, source: 'yandex', campaign: 'sofas', term: 'sofa' },
  ...fields,
});

function call(attribution: Partial<Attribution>, name: string | null = 'Ivan'): Call {
  const example = exampleCall({ id: 'call-1', site: 'shop', trackingNumber: '+74952100010' });
  return {
    ...example,
    caller: { ...example.caller, name },
    attribution: { ...example.attribution, session: null, source: null, ...attribution },
  };
}

const bySource = (attribution: Partial<Attribution>, name?: string | null): string | null =>
  shownOnPhone(call(attribution, name), { display: 'source', headers: {} }).displayName;

describe('the name that the phone shows', () => {
  it('is the caller’s own, where the line says so', () => {
    const line = { display: 'name', headers: {} } as const;
    expect(shownOnPhone(call({ session: session() }), line).displayName).toBe('Ivan');
    expect(shownOnPhone(call({ session: session() }, null), line).displayName).toBeNull();
    expect(shownOnPhone(call({}, ' "" '), line).displayName).toBeNull();
  });

  it.each<[string, Partial<Attribution>, string | null]>([
    ['source and campaign', { session: session() }, 'yandex / sofas'],
    [
      'not in ASCII',
      { session: session({ utm: { ...NO_UTM, source: 'яндекс', campaign: 'диваны' } }) },
      'яндекс / диваны',
    ],
    ['source alone', { session: session({ utm: { ...NO_UTM, source: 'yandex' } }) }, 'yandex'],
    [
      'campaign alone, and where the visit came from',
      { session: session({ utm: { ...NO_UTM, campaign: 'sofas' } }) },
      'yandex.example / sofas',
    ],
    ['where an unmarked visit came from', { session: session({ utm: NO_UTM }) }, 'yandex.example'],
    ['nothing known: the caller’s own', { session: session({ utm: NO_UTM, referrer: null }) }, 'Ivan'],
    ['a referrer that is no URL', { session: session({ utm: NO_UTM, referrer: 'rubbish' }) }, 'Ivan'],
    ['a static number’s marks', { source: { utm_source: 'billboard', utm_campaign: 'MKAD' } }, 'billboard / MKAD'],
    [
      'a static number’s source and label',
      { source: { utm_source: 'billboard', label: 'MKAD 32 km' } },
      'billboard / MKAD 32 km',
    ],
    ['a label alone, once', { source: { label: 'MKAD 32 km' } }, 'MKAD 32 km'],
    ['neither', {}, 'Ivan'],
    ['a header smuggled in', { source: { label: 'x\r\nX-Evil: 1' } }, 'xX-Evil: 1'],
    ['an address smuggled in', { source: { label: 'x" <sip:evil@h>' } }, 'x sip:evil@h'],
    ['escapes', { source: { label: '100%0d%0a off \\' } }, '1000d0a off'],
    ['text that runs backwards', { source: { label: 'a\u202Eb\u2028c\u0000' } }, 'abc'],
    ['nothing but rubbish', { source: { label: '\r\n"<>%' } }, 'Ivan'],
  ])('by source: %s', (_what, attribution, expected) => {
    expect(bySource(attribution)).toBe(expected);
  });

  it('is cut without halving a character', () => {
    const name = bySource({ source: { label: `${'a'.repeat(127)}😀` } });
    expect(name).toBe('a'.repeat(127));
    expect(bySource({ source: { label: 'b'.repeat(1000) } })).toHaveLength(128);
  });
});

describe('headers for pop-ups', () => {
  const line = (headers: LineConfig['headers']) => ({ display: 'name', headers }) as const;
  const all = Object.fromEntries(HEADER_FIELDS.map((field) => [`X-${field.replace('.', '-')}`, field]));

  it('say what the line asks for', () => {
    expect(shownOnPhone(call({ session: session() }), line(all)).headers).toEqual({
      'X-call-id': 'call-1',
      'X-session-id': 's-1',
      'X-visitor-id': 'v-1',
      'X-source': 'yandex',
      'X-campaign': 'sofas',
      'X-keyword': 'угловой диван',
      'X-landingPage': 'https://shop.example/диваны?utm_source=yandex',
      'X-trackingNumber': '+74952100010',
      'X-site': 'shop',
    });
  });

  it('leave out what is not known', () => {
    const unknown = { ...call({}), site: null };
    expect(shownOnPhone(unknown, line(all)).headers).toEqual({
      'X-call-id': 'call-1',
      'X-trackingNumber': '+74952100010',
    });
  });

  it.each<[string, Partial<VisitorSession>, string, string | undefined]>([
    ['a line break', { id: 'a\r\nContact: <sip:evil@h>' }, 'session.id', 'aContact: sip:evil@h'],
    ['an escaped line break', { landingPage: 'https://h/%0D%0AX-Evil:1' }, 'landingPage', 'https://h/X-Evil:1'],
    ['an escape of no character', { landingPage: 'https://h/%ff' }, 'landingPage', 'https://h/ff'],
    ['doubly escaped', { landingPage: 'https://h/%250d' }, 'landingPage', 'https://h/0d'],
    ['endless', { keyword: 'k'.repeat(5000) }, 'keyword', 'k'.repeat(128)],
    ['empty', { keyword: '  ', utm: NO_UTM }, 'keyword', undefined],
    ['the term where there is no keyword', { keyword: null }, 'keyword', 'sofa'],
  ])('%s', (_what, fields, field, expected) => {
    const headers = { 'X-A': field } as LineConfig['headers'];
    expect(shownOnPhone(call({ session: session(fields) }), line(headers)).headers['X-A']).toBe(expected);
  });
});
