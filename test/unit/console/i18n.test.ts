import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DISPOSITIONS, END_REASONS, LEG_RESULTS, LOSS_REASONS, VERDICTS } from '../../../src/call/call.js';
import { CONSOLE_ROLES, LANGUAGES } from '../../../src/config/schema.js';
import { DICTIONARIES, languageOf, translator } from '../../../src/console/i18n/index.js';
import { en, type MessageKey } from '../../../src/console/i18n/en.js';
import { Format } from '../../../src/console/view/format.js';

const keys = Object.keys(en) as MessageKey[];
const placeholders = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();

describe('the languages', () => {
  it.each(LANGUAGES)('%s has every text, with the same places to fill in', (language) => {
    const dictionary = DICTIONARIES[language];
    expect(Object.keys(dictionary).sort()).toEqual([...keys].sort());
    for (const key of keys) {
      expect(dictionary[key].trim(), key).not.toBe('');
      expect(placeholders(dictionary[key]), key).toEqual(placeholders(en[key]));
    }
  });

  it.each(['ru', 'uz'] as const)('%s is translated: only names and signs are the same as in English', (language) => {
    const same = keys.filter(
      (key) => DICTIONARIES[language][key] === en[key] && /[a-z]{4}/i.test(en[key].replace(/\{\w+\}/g, '')),
    );
    expect(same.filter((key) => !SAME.has(`${language} ${key}`))).toEqual([]);
  });

  it('has a name for everything a call may be', () => {
    const named = [
      ...DISPOSITIONS.map((one) => `disposition.${one}`),
      ...LOSS_REASONS.map((one) => `loss.${one}`),
      ...END_REASONS.filter((one) => one !== 'normal').map((one) => `call.cut.${one}`),
      ...VERDICTS.flatMap((one) => [`verdict.${one}`, `why.${one}`]),
      ...LEG_RESULTS.map((one) => `leg.${one}`),
      ...CONSOLE_ROLES.map((one) => `role.${one}`),
    ];
    expect(named.filter((key) => !(key in en))).toEqual([]);
  });

  it('has what the pages ask for, and nothing that nobody asks for', () => {
    const sources = [
      'src/console',
      'src/console/view',
      'src/console/pages',
      'src/console/views',
      'src/console/views/parts',
    ];
    const text = sources
      .flatMap((folder) =>
        readdirSync(folder)
          .filter((name) => /\.(ts|eta)$/.test(name))
          .map((name) => readFileSync(`${folder}/${name}`, 'utf8')),
      )
      .join('\n');
    const asked = [...text.matchAll(/\bt\('([\w.-]+)'(?!\s*\+)/g)].map(([, key = '']) => key);
    expect(asked.filter((key) => !(key in en))).toEqual([]);
    // Those put together from a beginning and a value.
    const beginnings = [...text.matchAll(/(?:['`])([a-z]+(?:\.[a-z]+)*)\.(?:'\s*\+|\$\{)/gi)].map(
      ([, start = '']) => start,
    );
    const prefixes = [...text.matchAll(/name\(\s*(?:visit,\s*)?'([a-z.]+)'/gi)].map(([, start = '']) => start);
    const starts = [...beginnings, ...prefixes, 'disposition', 'loss', 'verdict', 'column'];
    const used = (key: string) => text.includes(`'${key}'`) || starts.some((start) => key.startsWith(`${start}.`));
    expect(keys.filter((key) => !used(key))).toEqual([]);
  });
});

const SAME = new Set(['uz role.auditor', 'uz kind.trunk', 'uz capacity.erlang']);

describe('the language of a browser', () => {
  it.each([
    ['ru-RU,ru;q=0.9,en;q=0.8', 'ru'],
    ['de;q=0.9, uz-Latn;q=0.8, en;q=0.1', 'uz'],
    ['en;q=0.2,ru;q=0.7', 'ru'],
    ['de', null],
    ['', null],
    [undefined, null],
    [';;;q=,,', null],
  ])('%s is answered in %s', (header, language) => {
    expect(languageOf(header)).toBe(language);
  });
});

describe('numbers and times', () => {
  const format = (language: 'en' | 'ru' | 'uz') => new Format(language, 'Europe/Moscow', translator(language));
  it('are written as the language writes them', () => {
    expect(format('en').time('2026-11-21T10:12:07.412Z')).toBe('21/11/2026, 13:12:07');
    expect(format('ru').time('2026-11-21T10:12:07.412Z')).toBe('21.11.2026, 13:12:07');
    expect(format('uz').time('2026-11-21T10:12:07.412Z')).toContain('13:12:07');
    expect(format('ru').minute('2026-11-21T10:12:07Z', 'Asia/Tashkent')).toBe('21.11.2026, 15:12');
    expect([format('en').percent(0.956), format('ru').percent(0.956)]).toEqual(['95.6%', '95,6\u00a0%']);
    expect(format('en').number(1234567)).toBe('1,234,567');
  });

  it('say how long something took', () => {
    expect([0, 59, 61, 3600, 90_061].map((seconds) => format('en').span(seconds))).toEqual([
      '0 s',
      '59 s',
      '1 min 1 s',
      '1 h',
      '1 d 1 h',
    ]);
    expect([5, 65, 3725].map((seconds) => format('en').clock(seconds))).toEqual(['0:05', '1:05', '1:02:05']);
  });

  it('show telephone numbers as people read them, and what is none as it is', () => {
    expect(format('en').phone('+79160000001')).toBe('+7 916 000 00 01');
    expect(format('en').phone('<b>')).toBe('<b>');
  });
});
