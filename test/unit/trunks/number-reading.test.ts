import fc from 'fast-check';
import { getCountries, getCountryCallingCode, Metadata, parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { describe, expect, it } from 'vitest';
import {
  type CallerHeaders,
  readCalled,
  readCaller,
  readName,
  readNumber,
} from '../../../src/trunks/number-reading.js';

const NUMBERS: [country: string, raw: string, expected: string | null][] = [
  // Russia
  ['RU', '+79160000001', '+79160000001'],
  ['RU', '79160000001', '+79160000001'],
  ['RU', '89160000001', '+79160000001'],
  ['RU', '9160000001', '+79160000001'],
  ['RU', '+89160000001', '+79160000001'],
  ['RU', '8 (916) 000-00-01', '+79160000001'],
  ['RU', '8‑916‑000–00—01', '+79160000001'],
  ['RU', '84951111111', '+74951111111'],
  ['RU', '88005553535', '+78005553535'],
  ['RU', '0079160000001', '+79160000001'],
  ['RU', '+0079160000001', '+79160000001'],
  ['RU', '00493012345678', '+493012345678'],
  ['RU', '810493012345678', '+493012345678'],
  ['RU', '81079160000001', '+79160000001'],
  ['RU', '+88005553535', '+78005553535'],
  ['RU', '+810998901234567', '+998901234567'],
  ['RU', '+81079160000001', '+79160000001'],
  ['RU', '+81 (0)3 1234 5678', '+81312345678'],
  ['RU', '+84 (0)91 234 56 78', '+84912345678'],
  ['RU', '8~10', null],
  ['RU', '380501234567', '+380501234567'],
  ['RU', '998901234567', '+998901234567'],
  ['RU', '12125550123', '+12125550123'],
  ['RU', '77012345678', '+77012345678'],
  ['RU', '+7 8 916 000 00 01', '+79160000001'],
  ['RU', '++79160000001', '+79160000001'],
  ['RU', '+79160000001,123', '+79160000001'],
  ['RU', '79160000001p123', '+79160000001'],
  ['RU', '７９１６０００００01', '+79160000001'],
  ['RU', '+7916000000', null],
  ['RU', '+791600000012', null],
  ['RU', '7495123456784951234567', null],
  ['RU', '1234567', null],
  ['RU', '49010000010000000', null],
  // URIs
  ['RU', 'sip:+79160000001@203.0.113.1', '+79160000001'],
  ['RU', 'sip:+79160000001@203.0.113.1:5060;user=phone;transport=udp', '+79160000001'],
  ['RU', 'SIPS:89160000001@carrier.example', '+79160000001'],
  ['RU', 'sip:%2B79160000001@203.0.113.1', '+79160000001'],
  ['RU', 'sip:%2b7916%20000-0001@203.0.113.1', '+79160000001'],
  ['RU', '<sip:+79160000001@203.0.113.1>;tag=1', '+79160000001'],
  ['RU', '"Ivan <1>" <sip:+79160000001@203.0.113.1>', '+79160000001'],
  ['RU', 'sip:+79160000001:secret@203.0.113.1', '+79160000001'],
  ['RU', 'sip:+79160000001', '+79160000001'],
  ['RU', 'tel:+7-916-000-00-01', '+79160000001'],
  ['RU', 'TEL:+79160000001;isub=1', '+79160000001'],
  ['RU', 'sip:+79160000001;npdi;rn=+79990000000@203.0.113.1;user=phone', '+79160000001'],
  ['RU', 'tel:+1-202-533-1234;npdi;rn=+1-202-544-0000', '+12025331234'],
  ['RU', 'sip:+79160000001;cpc=ordinary;oli=0@203.0.113.1', '+79160000001'],
  ['RU', 'tel:1234567;phone-context=+7495', '+74951234567'],
  ['RU', 'sip:1234567;phone-context=+7495@203.0.113.1;user=phone', '+74951234567'],
  ['RU', 'sip:1234567@203.0.113.1;phone-context=+7495', '+74951234567'],
  ['RU', 'sip:1234567;phone-context=%2B7495@203.0.113.1', '+74951234567'],
  ['RU', 'tel:9160000001;phone-context=+7', '+79160000001'],
  ['RU', 'tel:89160000001;phone-context=+7', '+79160000001'],
  ['RU', 'tel:79160000001;phone-context=+7', '+79160000001'],
  ['RU', 'tel:84951234567;phone-context=+7495', '+74951234567'],
  ['RU', 'tel:7012345678;phone-context=+7', '+77012345678'],
  ['RU', 'tel:+79160000001;phone-context=+49', '+79160000001'],
  ['RU', 'tel:101;phone-context=pbx.example', null],
  ['RU', 'sip:203.0.113.1', null],
  ['RU', 'sip:@203.0.113.1', null],
  ['RU', 'sip:alice@example.org', null],
  ['RU', 'sip:101@10.0.0.5', null],
  ['RU', 'sip:*72@10.0.0.5', null],
  ['RU', 'sip:+79160000001%FF@203.0.113.1', null],
  ['RU', 'sip:📞@203.0.113.1', null],
  ['RU', '', null],
  // Uzbekistan
  ['UZ', '+998901234567', '+998901234567'],
  ['UZ', '998901234567', '+998901234567'],
  ['UZ', '901234567', '+998901234567'],
  ['UZ', '8901234567', '+998901234567'],
  ['UZ', '81079160000001', '+79160000001'],
  ['UZ', '00998712345678', '+998712345678'],
  ['UZ', '79160000001', '+79160000001'],
  ['UZ', 'tel:1234567;phone-context=+99871', '+998711234567'],
  // Kazakhstan
  ['KZ', '87012345678', '+77012345678'],
  ['KZ', '77012345678', '+77012345678'],
  ['KZ', '7012345678', '+77012345678'],
  ['KZ', '84951234567', '+74951234567'],
  ['KZ', '810998901234567', '+998901234567'],
  // Germany
  ['DE', '030 1234567', '+49301234567'],
  ['DE', '0301234567', '+49301234567'],
  ['DE', '49301234567', '+49301234567'],
  ['DE', '0049301234567', '+49301234567'],
  ['DE', '+49 (0)30 1234567', '+49301234567'],
  ['DE', '015112345678', '+4915112345678'],
  ['DE', '3012345678', '+493012345678'],
  ['DE', '79160000001', '+79160000001'],
  ['DE', '8105551234', '+498105551234'],
  ['DE', '+79991234', null],
  // United States
  ['US', '2125550123', '+12125550123'],
  ['US', '12125550123', '+12125550123'],
  ['US', '(212) 555-0123', '+12125550123'],
  ['US', '212.555.0123', '+12125550123'],
  ['US', '01179160000001', '+79160000001'],
  ['US', '8105551234', '+18105551234'],
  ['US', '4930123456', '+4930123456'],
  ['US', '911', null],
  // A country nobody knows: only what is international without doubt.
  ['XX', '+79160000001', '+79160000001'],
  ['XX', '0079160000001', '+79160000001'],
  ['XX', '89160000001', null],
];

describe('readNumber', () => {
  it.each(NUMBERS)('%s %s → %s', (country, raw, expected) => {
    expect(readNumber(raw, country)).toBe(expected);
  });

  it('gives E.164 or null and never throws', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('sip:', 'tel:', '+', '%', '%FF', '@', ';phone-context=+7495', '<', '>', '"', '8', '00', '7916'),
      fc.integer({ min: 0 }).map(String),
    );
    const raw = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(
        raw,
        fc.constantFrom('RU', 'UZ', 'KZ', 'DE', 'US', 'IT', 'JP', 'BR', '', '__proto__'),
        (text, country) => {
          const number = readNumber(text, country);
          return number === null || /^\+[1-9]\d{6,14}$/.test(number);
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('reads numbers that need no look at the plans as the plans would', () => {
    let seen = 0;
    for (const country of getCountries()) {
      const metadata = new Metadata();
      metadata.selectNumberingPlan(country);
      const code = getCountryCallingCode(country);
      const lengths = metadata.numberingPlan?.possibleLengths() ?? [];
      for (let n = 0; n < 200; n += 1) {
        const length = lengths[n % lengths.length] ?? 9;
        const digits = Array.from({ length }, (_, i) => (n * 7919 + i * 104_729 + n ** 2 * (i + 1)) % 10).join('');
        const parsed = parsePhoneNumberFromString(`+${code}${digits}`);
        if (parsed?.isPossible() !== true || !/^\+\d{7,15}$/.test(parsed.number)) continue;
        if (code === '7' && parsed.nationalNumber.length !== 10) continue;
        seen += 1;
        expect(readNumber(`+${code}${digits}`, country), `${country} +${code}${digits}`).toBe(parsed.number);
      }
    }
    expect(seen).toBeGreaterThan(10_000);
  });

  it('reads what it has read once more to the same number', () => {
    for (const [country, , expected] of NUMBERS) {
      if (expected) expect(readNumber(`sip:${expected}@203.0.113.1`, country)).toBe(expected);
    }
  });

  it('does not read endless input', () => {
    expect(readNumber(`sip:${'1'.repeat(100_000)}@x`, 'RU')).toBeNull();
  });
});

const CALLERS: [
  name: string,
  headers: Partial<CallerHeaders>,
  number: string | null,
  withheld: boolean,
  display: string | null,
][] = [
  ['a plain caller', { from: '"Ivan" <sip:+79160000001@x>;tag=1' }, '+79160000001', false, 'Ivan'],
  ['no brackets', { from: 'sip:89160000001@x;tag=1' }, '+79160000001', false, null],
  ['an unquoted name', { from: 'Ivan Petrov <sip:89160000001@x>' }, '+79160000001', false, 'Ivan Petrov'],
  [
    'escapes in the name',
    { from: '"Ivan \\"Vanya\\" <x>" <sip:89160000001@x>' },
    '+79160000001',
    false,
    'Ivan "Vanya" <x>',
  ],
  ['an encoded name', { from: '"%D0%98%D0%B2%D0%B0%D0%BD" <sip:89160000001@x>' }, '+79160000001', false, 'Иван'],
  ['%FF in the name', { from: '"Ivan %FF" <sip:89160000001@x>' }, '+79160000001', false, 'Ivan %FF'],
  ['an emoji in the name', { from: '"👩‍🚀 Anna" <sip:89160000001@x>' }, '+79160000001', false, '👩‍🚀 Anna'],
  [
    'control characters',
    { from: '"I\u0000v\u001ba\u202en\r\nX-Evil: 1" <sip:89160000001@x>' },
    '+79160000001',
    false,
    'Ivan X-Evil: 1',
  ],
  ['encoded line breaks', { from: '"a%0d%0ab" <sip:89160000001@x>' }, '+79160000001', false, 'a b'],
  ['a lone surrogate', { from: '"a\ud800b" <sip:89160000001@x>' }, '+79160000001', false, 'a\ufffdb'],
  ['a number as the name', { from: '"+7 916 000-00-01" <sip:+79160000001@x>' }, '+79160000001', false, null],
  ['a name the network did not know', { from: '"Unavailable" <sip:+79160000001@x>' }, '+79160000001', false, null],
  ['an unclosed quote', { from: '"Ivan <sip:+79160000001@x>' }, '+79160000001', false, 'Ivan'],
  ['an unclosed bracket', { from: 'Ivan <sip:+79160000001@x' }, '+79160000001', false, 'Ivan'],
  ['anonymous', { from: '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1' }, null, true, null],
  ['anonymous at another host', { from: 'sip:Anonymous@carrier.example' }, null, true, null],
  ['a user at anonymous.invalid', { from: 'sip:89160000001@anonymous.invalid:5060' }, null, true, null],
  ['a name that hides', { from: '"Restricted" <sip:+79160000001@x>' }, null, true, null],
  ['Restricted', { from: '<sip:Restricted@x>' }, null, true, null],
  ['Unavailable', { from: '<sip:Unavailable@x>' }, null, true, null],
  ['an empty user', { from: '<sip:carrier.example>' }, null, true, null],
  ['no From at all', { from: undefined }, null, true, null],
  ['Privacy: id', { from: 'sip:89160000001@x', privacy: 'id' }, null, true, null],
  ['Privacy: user;critical', { from: '"Ivan" <sip:89160000001@x>', privacy: 'user; critical' }, null, true, null],
  ['Privacy: none', { from: 'sip:89160000001@x', privacy: 'none' }, '+79160000001', false, null],
  [
    'privacy over a trusted identity',
    { from: 'sip:anonymous@anonymous.invalid', pAssertedIdentity: 'sip:+79160000001@x', privacy: 'id', trusted: true },
    null,
    true,
    null,
  ],
  [
    'anonymous over a trusted identity',
    { from: 'sip:anonymous@anonymous.invalid', pAssertedIdentity: 'sip:+79160000001@x', trusted: true },
    null,
    true,
    null,
  ],
  [
    'Privacy: none lets the identity through',
    { from: 'sip:anonymous@x', pAssertedIdentity: 'sip:+79160000001@x', privacy: 'none', trusted: true },
    '+79160000001',
    false,
    null,
  ],
  [
    'a trusted identity',
    { from: '"Ivan" <sip:101@x>', pAssertedIdentity: '<sip:+79160000001@x>', trusted: true },
    '+79160000001',
    false,
    'Ivan',
  ],
  [
    'an identity nobody believes',
    { from: 'sip:89160000002@x', pAssertedIdentity: '<sip:+79160000001@x>' },
    '+79160000002',
    false,
    null,
  ],
  [
    'two identities',
    { from: 'sip:101@x', pAssertedIdentity: '"A, <b>" <sip:alice@x>, <tel:+7916-000-00-01>', trusted: true },
    '+79160000001',
    false,
    null,
  ],
  [
    'unknown, but asserted',
    { from: 'sip:unknown@x', pAssertedIdentity: '<tel:+79160000001>', trusted: true },
    '+79160000001',
    false,
    null,
  ],
  [
    'a remote party',
    {
      from: '"Ivan" <sip:101@x>',
      remotePartyId: '<sip:89160000001@x>;party=calling;screen=yes;privacy=off',
      trusted: true,
    },
    '+79160000001',
    false,
    'Ivan',
  ],
  [
    'a remote party behind an identity',
    {
      from: 'sip:101@x',
      pAssertedIdentity: '<sip:+79160000002@x>',
      remotePartyId: '<sip:+79160000001@x>',
      trusted: true,
    },
    '+79160000002',
    false,
    null,
  ],
  [
    'a remote party that is called',
    { from: 'sip:89160000002@x', remotePartyId: '<sip:+79160000001@x>;party=called', trusted: true },
    '+79160000002',
    false,
    null,
  ],
  [
    'a remote party nobody believes',
    { from: 'sip:89160000002@x', remotePartyId: '<sip:+79160000001@x>' },
    '+79160000002',
    false,
    null,
  ],
  [
    'a remote party that hides',
    { from: 'sip:89160000001@x', remotePartyId: '"I" <sip:+79160000001@x>;party=calling;privacy="full";screen=yes' },
    null,
    true,
    null,
  ],
  [
    'only preferred',
    { from: 'sip:alice@x', pPreferred: '<sip:+79160000001@x>', trusted: true },
    '+79160000001',
    false,
    null,
  ],
  ['preferred, not trusted', { from: 'sip:alice@x', pPreferred: '<sip:+79160000001@x>' }, null, false, null],
  ['an internal number', { from: '"Sales" <sip:101@x>' }, null, false, 'Sales'],
  ['a name for a user', { from: 'sip:alice@x' }, null, false, null],
];

describe('readCalled', () => {
  const at = (user: string) => `sip:${user}@203.0.113.5:5060`;

  it.each<
    [
      what: string,
      uri: string,
      party: string | undefined,
      to: string,
      account: string | undefined,
      expected: string | null,
    ]
  >([
    [
      'the Request-URI, whatever To says',
      at('84951111111'),
      undefined,
      `<${at('74952222222')}>`,
      undefined,
      '+74951111111',
    ],
    [
      'To where our contact is dialled',
      at('calltrack'),
      undefined,
      `"Shop" <${at('74951111111')}>`,
      'calltrack',
      '+74951111111',
    ],
    [
      'To where our contact is a number too',
      at('74959999999'),
      undefined,
      `<${at('+74951111111')}>`,
      '74959999999',
      '+74951111111',
    ],
    [
      'P-Called-Party-ID before To',
      at('calltrack'),
      '<tel:+74951111111>',
      `<${at('calltrack')}>`,
      'calltrack',
      '+74951111111',
    ],
    [
      'To where a name is dialled that we know nothing of',
      at('s'),
      undefined,
      `<${at('84951111111')}>`,
      undefined,
      '+74951111111',
    ],
    [
      'our number where To says nothing better',
      at('74959999999'),
      undefined,
      `<${at('trunk')}>`,
      '74959999999',
      '+74959999999',
    ],
    ['nothing', at('calltrack'), undefined, `<${at('calltrack')}>`, 'calltrack', null],
  ])('%s', (_what, requestUri, party, to, account, expected) => {
    const headers = { calledParty: () => party, to: () => to };
    expect(readCalled({ requestUri, ...headers, account, country: 'RU' })).toBe(expected);
  });
});

describe('readCaller', () => {
  it.each(CALLERS)('%s', (_, headers, number, withheld, name) => {
    expect(readCaller({ from: null, trusted: false, country: 'RU', ...headers })).toEqual({ number, withheld, name });
  });

  it('limits the name to 128 characters without cutting one in two', () => {
    expect(readName('😀'.repeat(500))).toBe('😀'.repeat(128));
  });

  it('never throws and never lets a control character through', () => {
    const header = fc.option(
      fc
        .array(
          fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('"', '<sip:', '>', '\\', ',', '%F', '%0a', '\r\n')),
          { maxLength: 10 },
        )
        .map((all) => all.join('')),
    );
    const headers = fc.record({
      from: header,
      pAssertedIdentity: header,
      pPreferred: header,
      privacy: header,
      trusted: fc.boolean(),
      country: fc.constantFrom('RU', 'DE', ''),
    });
    fc.assert(
      fc.property(headers, (all) => {
        const caller = readCaller(all);
        expect(caller.name ?? '').not.toMatch(/\p{Cc}|\p{Cs}/u);
        expect(Array.from(caller.name ?? '').length).toBeLessThanOrEqual(128);
        if (caller.withheld) expect(caller).toEqual({ number: null, withheld: true, name: null });
      }),
      { numRuns: 2000 },
    );
  });
});
