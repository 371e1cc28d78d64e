import type { Call } from '../../src/call/call.js';
import { newCallId } from '../../src/lib/ids.js';
import { exampleCall } from '../../test/redis/examples.js';

/** Over so many days the calls of `npm run bench:search` are spread. */
export const DAYS = 30;
const END = Date.parse('2026-11-21T12:00:00.000Z');

/** A number that looks random and is always the same for `n`. */
function mixed(n: number, salt: number): number {
  let x = (n + 1) * 2_654_435_761 + salt * 40_503;
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Call number `n` of `count`: most callers call once or twice, sites, lines and campaigns are used unevenly. */
export function benchCall(n: number, count: number, fresh = false): Call {
  const pick = <T>(list: readonly T[], salt: number): T => list[mixed(n, salt) % list.length] as T;
  const disposition = pick(['answered', 'answered', 'answered', 'missed', 'rejected'] as const, 1);
  const talkSeconds = disposition === 'answered' ? (mixed(n, 2) % 900) + (mixed(n, 3) % 20 === 0 ? 1800 : 0) : 0;
  const startedAt = new Date(END - DAYS * 86_400_000 + Math.floor((n / count) * DAYS * 86_400_000)).toISOString();
  const base = exampleCall();
  const digits = String(9_000_000_000 + (mixed(mixed(n, 4) % Math.ceil(count * 0.7), 5) % 999_999_999));
  return exampleCall({
    id: fresh ? newCallId() : idOf(n),
    startedAt,
    site: `site-${Math.floor(Math.sqrt(mixed(n, 6) % 400))}`,
    trunk: pick(['carrier-a', 'carrier-a', 'carrier-b', 'carrier-c'], 7),
    trackingNumber: `+7495${String(1_000_000 + (mixed(n, 8) % 500) * 17)}`,
    caller: { ...base.caller, number: `+7${digits}`, name: mixed(n, 17) % 5 < 3 ? nameOf(n) : null },
    disposition,
    lossReason:
      disposition === 'missed' ? pick(['no_answer', 'busy', 'destination_capacity', 'lines_busy'] as const, 9) : null,
    durations: { ringSeconds: 6, talkSeconds, totalSeconds: talkSeconds + 6, addedSetupMs: 9 },
    attribution: {
      ...base.attribution,
      verdict: pick(['exact', 'exact', 'exact', 'grace', 'ambiguous', 'none'] as const, 10),
      session: {
        ...(base.attribution.session as NonNullable<Call['attribution']['session']>),
        utm: {
          source: pick(['yandex', 'google', 'vk', 'telegram'], 11),
          medium: 'cpc',
          campaign: `${pick(['sofas', 'beds', 'tables'], 12)}-${Math.floor(Math.sqrt(mixed(n, 13) % 250_000))}`,
          content: null,
          term: null,
        },
        keyword: pick(['угловой диван', 'купить кровать', 'стол недорого', null], 14),
      },
    },
    legs: [
      {
        n: 1,
        kind: 'line',
        target: `line-${mixed(n, 15) % 40}`,
        step: 1,
        via: null,
        startedAt,
        ringingAt: startedAt,
        answeredAt: null,
        endedAt: startedAt,
        result: disposition === 'answered' ? 'answered' : 'no_answer',
        obstacle: null,
        sip: 200,
        q850: null,
        channelsInUse: 1,
        channelLimit: 4,
      },
    ],
    tags: mixed(n, 16) % 10 === 0 ? [{ name: 'callback', by: 'gateway', at: startedAt }] : [],
  });
}

const FIRST = 'Анна Борис Виктор Галина Дмитрий Елена Жанна Иван Ирина Кирилл Лола Мария Нодира Олег Отабек Пётр Рустам'
  .split(' ')
  .concat('Светлана Тимур Ульяна Фарход Шахло Юлия Яна Alexander Barbara Catherine David Elizabeth'.split(' '));
const ROOTS = 'Абдулл Алексе Богдан Васил Волк Григор Дан Ежо Зай Ибрагим Карим Козл Лебед Михайл Никит Орл Павл Рахим'
  .split(' ')
  .concat('Саид Степан Тара Умар Федот Хасан Цвет Чайк Шамил Щерб Эрг Юсуп Яковл Smith Brown John Wils'.split(' '));
const ENDINGS = 'ов ев ин ский енко ян son er'.split(' ');

/** Three callers of five have one: the commonest surname is one in fifty. */
function nameOf(n: number): string {
  const pick = (list: readonly string[], salt: number): string => list[mixed(n, salt) % list.length] ?? '';
  const root = ROOTS[Math.floor(ROOTS.length * ((mixed(n, 19) % 1000) / 1000) ** 2)] ?? '';
  return `${pick(FIRST, 18)} ${root}${pick(ENDINGS, 20)}`;
}

const idOf = (n: number): string => `01930000-0000-7000-8000-${String(n).padStart(12, '0')}`;
