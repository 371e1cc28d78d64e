import { describe, expect, it, vi } from 'vitest';
import type { Call } from '../../src/call/call.js';
import { CONSOLE_ROLES } from '../../src/config/schema.js';
import { may } from '../../src/console/access.js';
import { consoleRoutes } from '../../src/console/pages/index.js';
import { exampleCall, exampleLeg } from '../redis/examples.js';
import { ARCHIVED_DAY, openConsole } from '../support/console.js';

const NASTY = `<img src=x onerror="alert(1)"><script>alert('x')</script>`;

function endedCall(fields: Partial<Call> = {}): Call {
  const start = Date.now() - 600_000;
  const at = (ms: number) => new Date(start + ms).toISOString();
  return exampleCall({
    startedAt: at(0),
    ringingAt: at(120),
    answeredAt: at(4_120),
    endedAt: at(64_120),
    durations: { ringSeconds: 4, talkSeconds: 60, totalSeconds: 64.12, addedSetupMs: 11 },
    disposition: 'answered',
    ended: { by: 'caller', reason: 'normal', sip: 200 },
    legs: [
      exampleLeg({
        ...{ startedAt: at(11), ringingAt: at(120), answeredAt: at(4_120), endedAt: at(64_120) },
        ...{ result: 'answered', sip: 200, q850: 16 },
      }),
    ],
    ...fields,
  });
}

describe('every address', () => {
  // Only looked at, never asked anything.
  const routes = consoleRoutes({ config: () => ({ access: { users: [] } }) } as never, {} as never, {} as never);

  it('is open only where one logs in, and chooses the language for it', () => {
    const open = routes.filter(({ needs }) => needs === 'open').map(({ method, path }) => `${method} ${path}`);
    expect(open.sort()).toEqual([
      'get /login',
      'get /login/oidc',
      'get /login/oidc/done',
      'post /login',
      'post /settings',
    ]);
  });

  it('lets in who may, and nobody else', async () => {
    const { login, url, end } = await openConsole();
    const call = await end(endedCall());
    const guarded = routes.filter(({ needs, path }) => needs !== 'open' && path !== '/logout' && path !== '/');
    for (const { method, path } of guarded) {
      const response = await fetch(`${url}${path.replace(':id', call.id)}`, { method, redirect: 'manual' });
      expect([303, 401], `${method} ${path} without a log-in`).toContain(response.status);
      expect(await response.text()).not.toContain('+7 916');
    }
    for (const role of CONSOLE_ROLES) {
      const visitor = await login(role);
      for (const { method, path, needs } of guarded) {
        if (needs === 'open' || path === '/live/stream') continue;
        const address = path.replace(':id', call.id);
        const page = method === 'get' ? await visitor.get(address) : await visitor.post(address);
        expect(page.status !== 403, `${role}: ${method} ${path} is ${page.status}`).toBe(may({ role }, needs));
      }
    }
  });
});

describe('sites', () => {
  it('that are not his look to somebody as if there were none', async () => {
    const { login, end } = await openConsole();
    const [own, foreign, nobodys] = [
      await end(endedCall()),
      await end(endedCall({ site: 'shop', caller: { ...exampleCall().caller, number: '+79167654321' } })),
      await end(endedCall({ site: null })),
    ];
    const olga = await login('olga');
    expect((await olga.get(`/calls/${own.id}`)).status).toBe(200);
    const [shown, unknown] = [await olga.get(`/calls/${foreign.id}`), await olga.get('/calls/0193-not-there')];
    expect([shown.status, unknown.status]).toEqual([404, 404]);
    const without = (html: string) => html.replaceAll(/[0-9a-f-]{36}|[\w-]{43}|\/calls\/[\w-]+/g, '');
    expect(without(shown.html)).toBe(without(unknown.html));
    expect((await olga.get(`/calls/${nobodys.id}`)).status).toBe(404);
    expect((await olga.post(`/calls/${foreign.id}/tags`, { name: 'mine' })).status).toBe(404);
    const list = await olga.get('/calls');
    expect(list.html).toContain(own.id);
    expect(list.html).not.toMatch(new RegExp(`${foreign.id}|${nobodys.id}|765 43 21`));
    expect((await olga.get('/calls?site=shop')).html).not.toContain(foreign.id);
    expect((await (await login('agent')).get('/calls?site=shop')).html).toContain(foreign.id);
  });
});

describe('what comes from outside', () => {
  it('is text, wherever it is shown', async () => {
    const { login, end } = await openConsole();
    const base = endedCall();
    const session = base.attribution.session;
    if (!session) throw new Error('no session');
    const call = await end(
      endedCall({
        caller: { ...base.caller, name: NASTY },
        tags: [{ name: NASTY.slice(0, 60), by: NASTY, at: base.startedAt }],
        notes: [{ id: 'n-1', text: NASTY, by: NASTY, at: base.startedAt }],
        attribution: {
          ...base.attribution,
          session: {
            ...session,
            keyword: NASTY,
            landingPage: 'javascript:alert(1)',
            utm: { ...session.utm, source: NASTY },
          },
        },
      }),
    );
    const visitor = await login('supervisor');
    await visitor.post('/settings/columns', { column: 'source' });
    for (const path of ['/calls', `/calls/${call.id}`, `/calls?tag=${encodeURIComponent(NASTY)}`, '/live', '/missed']) {
      const { html } = await visitor.get(path);
      expect(html, path).not.toMatch(/<img|<script>alert|href="javascript/i);
    }
    expect((await visitor.get(`/calls/${call.id}`)).html).toContain('&lt;img src=x');
    const csv = await visitor.get('/calls.csv');
    expect(csv.headers.get('content-type')).toMatch(/^text\/csv/);
    expect(csv.html).toContain(call.id);
  });

  it('is bounded: ten thousand tags are a page of ordinary size', async () => {
    const { login, end } = await openConsole();
    const at = new Date().toISOString();
    const tags = Array.from({ length: 10_000 }, (_, n) => ({ name: `tag-${n}`, by: 'crm', at }));
    const call = await end(endedCall({ tags }));
    const visitor = await login('agent');
    const page = await visitor.get(`/calls/${call.id}`);
    expect(page.status).toBe(200);
    expect(page.html).toContain('and 9800 more');
    expect(page.html.length).toBeLessThan(150_000);
    expect((await visitor.get('/calls')).html.length).toBeLessThan(50_000);
  });
});

describe('a period that there is none of', () => {
  it.each(['century', 'constructor', '__proto__'])('%s is the last day', async (period) => {
    const { login } = await openConsole();
    const visitor = await login('supervisor');
    for (const path of ['/capacity', '/operators']) {
      const page = await visitor.get(`${path}?period=${period}`);
      expect(page.status, path).toBe(200);
      expect(page.html).toContain(`href="${path}?period=day" aria-current="page"`);
    }
  });
});

describe('searching', () => {
  it('finds by number in any notation, outcome, source and tag, page by page', async () => {
    const { login, end, link, keys } = await openConsole();
    const calls: Call[] = [];
    for (let n = 0; n < 60; n += 1) {
      const startedAt = new Date(Date.now() - 3_600_000 + n * 1000).toISOString();
      calls.push(await end(endedCall({ startedAt })));
    }
    const lost = await end(
      endedCall({
        disposition: 'missed',
        lossReason: 'destination_capacity',
        answeredAt: null,
        caller: { ...exampleCall().caller, number: '+998901234567' },
        tags: [{ name: 'callback', by: 'gateway', at: new Date().toISOString() }],
      }),
    );
    const visitor = await login('agent');
    const found = async (query: string) =>
      [...(await visitor.get(`/calls?${query}`)).html.matchAll(/href="\/calls\/([\w-]{36})"/g)].map(([, id]) => id);
    expect(await found('number=8+%28916%29+000-00-01')).toHaveLength(50);
    expect(await found('number=4567')).toEqual([lost.id]);
    expect(await found('disposition=missed&lossReason=destination_capacity&tag=callback')).toEqual([lost.id]);
    expect(await found('source=nowhere')).toEqual([]);
    expect(await found('minTalk=3000')).toEqual([]);
    // Asked for by itself, while somebody types a year.
    expect(await found('from=0002-11-21T13:00')).toHaveLength(50);
    expect(await found('to=0202-11-21T13:00')).toEqual([]);
    const { html } = await visitor.get('/calls', { 'HX-Request': 'true' });
    expect(html).not.toContain('<html');
    expect(html).toContain('Calls found: 61');
    const older = /hx-get="([^"]+)"/.exec(html)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const rest = await visitor.get(older, { 'HX-Request': 'true' });
    expect([...rest.html.matchAll(/<tr data-outcome/g)]).toHaveLength(11);
    expect(rest.html).toContain(calls[0]?.id);
    // Where the list was made anew meanwhile nobody is shown an end that it does not have.
    await link.send((client) => client.hset(keys.historyState(), 'generation', '1'));
    const stale = await visitor.get(older, { 'HX-Request': 'true' });
    expect([stale.status, stale.html]).toEqual([400, expect.stringContaining('made anew') as string]);
  });

  it.each([
    'from=yesterday',
    'disposition=gone',
    'minTalk=-1',
    'cursor=%00',
    'number=%27%3B--',
    'from=2026-11-22&to=2026-11-21',
  ])('makes an empty page of %s', async (query) => {
    const { login, end } = await openConsole();
    await end(endedCall());
    const page = await (await login('agent')).get(`/calls?${query}`);
    expect(page.status).toBe(200);
    expect(page.html).toContain('No call fits.');
  });
});

describe('a refusal', () => {
  const REFUSED = {
    en: ['the beginning is not before the end', 'No talk can be this long', '50 tags already', '1 to 64 characters'],
    ru: ['начало не раньше конца', 'Таких разговоров нет', 'уже 50 меток', 'от 1 до 64 знаков'],
    uz: ['boshi oxiridan oldin emas', 'Bunday suhbat yo‘q', 'allaqachon 50 ta belgi', '1 dan 64 tagacha'],
  };
  it.each(Object.entries(REFUSED))('says why in %s, and nothing in another language', async (language, words) => {
    const { login, end, config } = await openConsole();
    const at = new Date().toISOString();
    const tags = Array.from({ length: 50 }, (_, n) => ({ name: `tag-${n}`, by: 'crm', at }));
    const call = await end(endedCall({ tags }));
    config.access.users.forEach((user) => (user.language = language as 'en'));
    const visitor = await login('agent');
    const found = (html: string) => /<p role="status" class="summary">(.*?)<\/span>/s.exec(html)?.[1] ?? '';
    const day = 'from=2026-11-22T10%3A00&to=2026-11-21T10%3A00';
    const said = [
      found((await visitor.get(`/calls?${day}`)).html),
      found((await visitor.get('/calls?minTalk=9&maxTalk=3')).html),
      (await visitor.post(`/calls/${call.id}/tags`, { name: 'more' }, { 'HX-Request': 'true' })).html,
      (await visitor.post(`/calls/${call.id}/tags`, { name: ' ' }, { 'HX-Request': 'true' })).html,
    ];
    said.forEach((html, n) => {
      expect(html).toContain(words[n]);
      expect(html).not.toMatch(/a call has|expected string|must be|lang="en"/);
    });
    expect((await (await login('supervisor')).get(`/calls.csv?${day}`)).html).toContain(words[0]);
  });

  it('says it of recordings, reasons and codes too', async () => {
    const { login, end, talk } = await openConsole();
    const call = await end(endedCall());
    const living = exampleCall({ answeredAt: new Date().toISOString() });
    await talk(living);
    const visitor = await login('agent');
    const post = async (path: string, form: Record<string, string>) =>
      (await visitor.post(path, form, { 'HX-Request': 'true', 'Accept-Language': 'ru' })).html;
    const correct = `/calls/${call.id}/attribution`;
    expect(await post(`/calls/${call.id}/recording/control`, { action: 'pause' })).toContain('Звонок закончился.');
    await post(`/calls/${living.id}/recording/control`, { action: 'pause' });
    expect(await post(`/calls/${living.id}/recording/control`, { action: 'mask' })).toContain('уже в другом состоянии');
    expect(await post(correct, { visit: '', reason: 'x' })).toContain('Выберите визит');
    expect(await post(correct, { visit: 'nobody', reason: ' ' })).toContain('не длиннее 200 знаков');
    expect(await post(`/calls/${call.id}/promo`, { code: '1' })).toContain('от трёх до девяти цифр');
    expect(await post(`/calls/${call.id}/promo`, { code: '999999' })).toContain('не было такого кода');
    expect(await post(`/calls/${call.id}/notes`, { text: 'x'.repeat(2001) })).toContain('от 1 до 2000 знаков');
  });
});

describe('one call', () => {
  it('tells who, from which ad, how sure and why, and what happened when', async () => {
    const { login, end } = await openConsole();
    const call = await end(endedCall());
    const { html } = await (await login('agent')).get(`/calls/${call.id}`);
    for (const text of [
      '+7 916 000 00 01',
      '100%',
      'The number was lent to this visitor',
      'yandex',
      'number main-office: dialled',
    ])
      expect(html).toContain(text);
    expect(html).toMatch(/<td class="num">4,120<\/td><td>answered<\/td>/);
  });

  it('takes tags, notes and "taken care of", and shows who wrote them', async () => {
    const { login, end, store } = await openConsole();
    const call = await end(endedCall());
    const visitor = await login('agent');
    const tagged = await visitor.post(`/calls/${call.id}/tags`, { name: 'repeat' }, { 'HX-Request': 'true' });
    expect(tagged.html).toContain('Remove tag repeat');
    await visitor.post(`/calls/${call.id}/notes`, { text: 'promised for Friday' });
    await visitor.post(`/calls/${call.id}/handled`, { handled: 'yes' });
    expect(await store.get(call.id)).toMatchObject({
      tags: [{ name: 'repeat', by: 'agent' }],
      notes: [{ text: 'promised for Friday', by: 'agent' }],
      handled: { by: 'agent' },
    });
    await visitor.post(`/calls/${call.id}/untag`, { name: 'repeat' });
    expect((await store.get(call.id))?.tags).toEqual([]);
    const wrong = await visitor.post(`/calls/${call.id}/tags`, { name: ' ' }, { 'HX-Request': 'true' });
    expect(wrong.status).toBe(400);
  });

  it('knows a usual tag by the name that its pages show for it, in each language', async () => {
    const { login, end, store } = await openConsole();
    const call = await end(endedCall());
    const visitor = await login('agent');
    await visitor.post(`/calls/${call.id}/tags`, { name: 'Перезвонить' });
    expect((await store.get(call.id))?.tags).toMatchObject([{ name: 'callback' }]);
    for (const tag of ['callback', 'перезвонить', "Qayta qo'ng'iroq qilish"])
      expect((await visitor.get(`/calls?tag=${encodeURIComponent(tag)}`)).html, tag).toContain(call.id);
    expect((await visitor.get('/calls?tag=repeat')).html).not.toContain(call.id);
  });
});

describe('the list', () => {
  it('is told at the clocks of one place, which it names: of the site asked for, else of all sites or none', async () => {
    const sites = [
      { id: 'divan', timezone: 'Europe/Moscow', defaultRoute: 'divan' },
      { id: 'shop', timezone: 'Asia/Tashkent', defaultRoute: 'divan' },
    ];
    const { login, end } = await openConsole({ config: { sites } });
    const startedAt = '2026-11-22T10:00:00.000Z';
    for (const site of ['divan', 'shop']) await end(endedCall({ site, startedAt }));
    const visitor = await login('agent');
    const times = async (path: string) => {
      const { html } = await visitor.get(path);
      return [/Times of ([\w/]+)/.exec(html)?.[1], ...[...html.matchAll(/data-row>([^<]+)</g)].map(([, time]) => time)];
    };
    expect(await times('/calls')).toEqual(['UTC', '22/11/2026, 10:00:00', '22/11/2026, 10:00:00']);
    expect(await times('/calls?site=shop&from=2026-11-22T14:59')).toEqual(['Asia/Tashkent', '22/11/2026, 15:00:00']);
    expect(await times('/calls?site=divan')).toEqual(['Europe/Moscow', '22/11/2026, 13:00:00']);
    const lost = { disposition: 'missed', lossReason: 'no_answer', answeredAt: null, startedAt } as const;
    for (const site of ['divan', 'shop']) await end(endedCall({ ...lost, site }));
    const { html } = await visitor.get('/missed');
    expect([/Times of UTC/.test(html), html.match(/22\/11\/2026, \d\d:\d\d/g)]).toEqual([
      true,
      ['22/11/2026, 10:00', '22/11/2026, 10:00'],
    ]);
  });

  it('is a table that a double click opens in Excel: its letters, separator, broken numbers, and the clocks of the page', async () => {
    const sites = [{ id: 'divan', timezone: 'Asia/Tashkent', defaultRoute: 'divan' }];
    const { login, url, end } = await openConsole({ config: { sites } });
    const caller = { ...endedCall().caller, name: 'Иван; Петров' };
    const durations = { ...endedCall().durations, talkSeconds: 12.5 };
    await end(endedCall({ caller, durations, startedAt: '2026-11-22T21:00:00.000Z' }));
    const visitor = await login('supervisor');
    const table = async (language: string) => {
      const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const answer = await fetch(`${url}/calls.csv`, { headers: { cookie, 'Accept-Language': language } });
      const text = Buffer.from(await answer.arrayBuffer()).toString('utf8');
      expect(text.startsWith('\uFEFFid'), 'a byte order mark').toBe(true);
      return text.slice(1).split('\r\n');
    };
    const [head, first] = await table('ru');
    expect(head).toMatch(/^id;startedAt \(Asia\/Tashkent\);site;/);
    expect(first).toMatch(/;2026-11-23 02:00:00;divan;\d+;"Иван; Петров";.*;12,5;/);
    expect((await table('en'))[1]).toMatch(/,2026-11-23 02:00:00,divan,\d+,Иван; Петров,.*,12\.5,/);
  });

  it('says what a number needs to be looked for by', async () => {
    const { login, end } = await openConsole();
    await end(endedCall());
    const visitor = await login('agent');
    expect((await visitor.get('/calls?number=%2B7')).html).toContain('Three digits at least.');
    expect((await visitor.get('/calls?number=999')).html).toContain('No call fits.');
  });
});

describe('callers to call back', () => {
  it('wait with those first who found no channel, and leave when they have talked to us or somebody is done', async () => {
    const { login, end } = await openConsole();
    const lost = (number: string, lossReason: Call['lossReason']) =>
      end(
        endedCall({
          caller: { ...exampleCall().caller, number },
          disposition: 'missed',
          answeredAt: null,
          lossReason,
        }),
      );
    await lost('+79160000011', 'destination_capacity');
    await lost('+79160000012', 'no_answer');
    const third = await lost('+79160000013', 'busy');
    const visitor = await login('agent');
    const order = async (path: string) =>
      [...(await visitor.get(path)).html.matchAll(/aria-label="tel (\+\d+)"/g)].map(([, number]) => number);
    expect((await order('/missed'))[0]).toBe('+79160000011');
    expect(await order('/missed')).toHaveLength(3);
    const done = { handled: 'yes', from: 'missed' };
    const answer = await visitor.post(`/calls/${third.id}/handled`, done, { 'HX-Request': 'true' });
    expect(answer.html).toContain('>Waiting: 2, of them lost for want of a channel: 1</p>');
    await end(
      endedCall({ startedAt: new Date().toISOString(), caller: { ...exampleCall().caller, number: '+79160000012' } }),
    );
    expect(await order('/missed')).toEqual(['+79160000011']);
    expect((await order('/missed?view=settled')).toSorted()).toEqual(['+79160000012', '+79160000013']);
    expect((await visitor.get('/missed?view=settled')).html).toContain('has talked to us since');
    // Who has several sites sees for whom to call back.
    expect((await visitor.get('/missed')).html).toContain('<td data-label="Site">divan</td>');
    expect((await (await login('olga')).get('/missed')).html).not.toContain('data-label="Сайт"');
  });

  it('are called back by one person at a time, who is shown to the others in their language', async () => {
    const { login, end } = await openConsole();
    const call = await end(endedCall({ disposition: 'missed', lossReason: 'no_answer', answeredAt: null }));
    const [agent, olga] = [await login('agent'), await login('olga')];
    const turn = (visitor: typeof agent, take: string) =>
      visitor.post(`/calls/${call.id}/turn`, { take }, { 'HX-Request': 'true' });
    expect((await turn(agent, 'yes')).status).toBe(204);
    expect((await agent.get('/missed')).html).toMatch(/you call him back, until .*Leave him to others/s);
    const shown = (await olga.get('/missed')).html;
    expect(shown).toContain('перезванивает agent, до ');
    expect(shown).not.toMatch(/tel:|Я перезвоню/);
    for (const take of ['yes', 'no']) {
      const refused = await turn(olga, take);
      expect([refused.status, refused.html]).toEqual([409, expect.stringContaining('Ему уже перезванивает agent.')]);
      expect(refused.html, 'nothing has failed that support could look up').not.toContain(
        refused.headers.get('x-request-id'),
      );
    }
    expect((await agent.post(`/calls/${call.id}/turn`, { take: 'no' })).headers.get('location')).toBe('/missed');
    expect((await olga.get('/missed')).html).toMatch(/tel:.*Я перезвоню/s);
    await agent.post(`/calls/${call.id}/handled`, { handled: 'yes' });
    expect((await turn(olga, 'yes')).html).toContain('Он больше не ждёт.');
    const foreign = await end(endedCall({ site: 'shop', disposition: 'missed', answeredAt: null }));
    expect((await olga.post(`/calls/${foreign.id}/turn`, { take: 'yes' })).status).toBe(404);
  });

  it('are taken from who has forgotten his turn by a supervisor, which stands in the audit log', async () => {
    const { login, end, house } = await openConsole();
    const call = await end(endedCall({ disposition: 'missed', lossReason: 'no_answer', answeredAt: null }));
    const [agent, olga, boss] = [await login('agent'), await login('olga'), await login('supervisor')];
    const path = `/calls/${call.id}/turn`;
    const endTurn = (visitor: typeof agent, by: string) =>
      visitor.post(`${path}/end`, { by }, { 'HX-Request': 'true' });
    const lines = async () => {
      const { lines } = await house.audit.read({ cursor: null, limit: 10, call: call.id, sites: null });
      return lines.map(({ action, who, site, detail }) => ({ action, who: who.name, site, detail }));
    };
    expect((await endTurn(boss, 'agent')).status, 'nobody has him').toBe(204);
    await agent.post(path, { take: 'yes' });
    expect((await boss.get('/missed')).html).toContain('>End agent’s turn</button>');
    expect((await olga.get('/missed')).html).not.toContain('/turn/end');
    expect((await endTurn(olga, 'agent')).status).toBe(403);
    expect((await boss.send(`${path}/end`, { by: 'agent' })).status, 'without the token').toBe(403);
    expect((await endTurn(boss, 'olga')).html, 'not the turn that was seen').toContain('agent calls him back already.');
    expect(await lines()).toEqual([]);
    expect((await endTurn(boss, 'agent')).status).toBe(204);
    const line = { action: 'turn.end', who: 'supervisor', site: 'divan', detail: { whose: 'agent' } };
    expect(await lines()).toEqual([line]);
    expect((await olga.get('/missed')).html).toMatch(/tel:.*Я перезвоню/s);
    const { html } = await (await login('auditor')).get('/audit');
    expect(html).toMatch(/ended a turn.*whose: agent/s);
    await boss.post(path, { take: 'yes' });
    expect((await boss.get('/missed')).html, 'one’s own is left').not.toContain('/turn/end');
    await boss.post(`/calls/${call.id}/handled`, { handled: 'yes' });
    expect((await endTurn(boss, 'agent')).html).toContain('He waits no longer.');
    expect(await lines()).toHaveLength(1);
  });

  it('are given to the page that asks by itself: as many as it shows, and of sites that one may see', async () => {
    const { login, end } = await openConsole();
    const lost = { disposition: 'missed', lossReason: 'no_answer', answeredAt: null } as const;
    for (let n = 100; n < 160; n += 1) {
      const caller = { ...exampleCall().caller, number: `+79160000${n}` };
      await end(endedCall({ ...lost, caller, site: n === 100 ? 'shop' : 'divan' }));
    }
    const [agent, olga] = [await login('agent'), await login('olga')];
    const rows = async (visitor: typeof agent, query: string) => {
      const { html } = await visitor.get(`/missed/now?${query}`, { 'HX-Request': 'true' });
      expect(html).not.toContain('<html');
      return [...html.matchAll(/<tr data-key="[^"]*\+79160000/g)].length;
    };
    expect(await rows(agent, '')).toBe(50);
    expect([await rows(agent, 'shown=51'), await rows(olga, 'shown=51')]).toEqual([60, 59]);
    for (const odd of ['shown=-1', 'shown=1e9', 'shown=99999999', 'shown=x'])
      expect(await rows(agent, odd), odd).toBe(50);
    expect(await rows(agent, 'view=settled')).toBe(0);
    expect((await agent.get('/missed/now')).headers.get('location'), 'without scripts').toBe('/missed');
  });

  it('are sent to that page only where something has changed, or a minute is over', async () => {
    const time = { now: Date.now() };
    const { login, end } = await openConsole({ clock: () => time.now });
    const lost = { disposition: 'missed', lossReason: 'no_answer', answeredAt: null } as const;
    const call = await end(endedCall({ ...lost, startedAt: new Date(time.now).toISOString() }));
    const [agent, olga, boss] = [await login('agent'), await login('olga'), await login('supervisor')];
    time.now = Math.ceil(time.now / 60_000) * 60_000;
    const shown = new Map<typeof agent, string>();
    const look = async (visitor: typeof agent, query = '') => {
      const tag = shown.get(visitor);
      const headers = { 'HX-Request': 'true', ...(tag !== undefined && { 'If-None-Match': tag }) };
      const { status, headers: answer, html } = await visitor.get(`/missed/now?view=waiting${query}`, headers);
      shown.set(visitor, answer.get('etag') ?? '');
      return status === 200 ? html : status;
    };
    expect(await look(agent)).toContain('>&lt; 1 min<');
    expect([await look(agent), await look(agent, '&anew=yes')]).toEqual([304, 304]);
    expect(await look(olga)).toContain('+7 916');
    time.now += 30_000;
    expect(await look(agent)).toBe(304);
    await boss.post(`/calls/${call.id}/turn`, { take: 'yes' });
    // Within the second in which others are told the same, who has done it sees it.
    expect(await look(agent)).toBe(304);
    expect(await look(boss, '&anew=yes')).toContain('you call him back');
    expect(await look(agent)).toContain('supervisor calls him back');
    expect(await look(agent)).toBe(304);
    time.now += 30_000;
    expect(await look(agent)).toContain('>1 min<');
  });
});

describe('what goes wrong', () => {
  it('is a page with a number for the log, and nothing of how we are built', async () => {
    const { login, link, logger } = await openConsole();
    const logged = vi.spyOn(logger, 'error');
    const visitor = await login('agent');
    for (const path of ['/calls/..%2f..%2fetc%2fpasswd', '/calls/%zz', '/nothing-here', '/calls/']) {
      const page = await visitor.get(path);
      expect(page.status, path).toBe(404);
      expect(page.headers.get('content-type')).toMatch(/^text\/html/);
      expect(page.html).toContain(page.headers.get('x-request-id'));
    }
    expect((await visitor.post('/calls/x/notes', { text: 'x' })).status).toBe(404);
    expect(logged, 'a wrong address is no failure of ours').not.toHaveBeenCalled();
    link.close();
    const away = await visitor.get('/calls');
    expect(away.status).toBe(503);
    expect(away.html).toContain('Try again in a few seconds');
    expect(away.html).not.toMatch(/redis|node_modules|\.js:\d|at \w+ \(/i);
  });

  it('says of a call that has left for the archive where it is', async () => {
    const { login } = await openConsole();
    const visitor = await login('agent');
    const idAt = (time: string) => {
      const at = Date.parse(time).toString(16).padStart(12, '0');
      return `${at.slice(0, 8)}-${at.slice(8)}-7000-8000-000000000000`;
    };
    const left = await visitor.get(`/calls/${idAt(`${ARCHIVED_DAY}T12:00:00Z`)}`, { 'Accept-Language': 'ru' });
    expect([left.status, left.html]).toEqual([410, expect.stringContaining('Он может быть в архиве')]);
    expect(left.html).not.toContain('/v1/');
    expect((await visitor.get(`/calls/${idAt('2026-01-05T12:00:00Z')}`)).status).toBe(404);
  });

  it('stays a problem document for programs', async () => {
    const { url } = await openConsole();
    const answer = await fetch(`${url}/nothing-here`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      404,
      'application/problem+json; charset=utf-8',
    ]);
  });
});

describe('assets', () => {
  it('are kept by browsers for ever, by an address that follows from their content', async () => {
    const { url, login } = await openConsole();
    const { html, headers } = await (await login('agent')).get('/calls');
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'self';style-src 'self' 'nonce-[^']+';/);
    expect(html).not.toMatch(/<script>|<script [^>]*>[^<]|style="|<style/);
    const addresses = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, address = '']) => address);
    let scripts = 0;
    for (const address of addresses) {
      const asset = await fetch(`${url}${address}`);
      expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      const again = await fetch(`${url}${address}`, {
        headers: { 'If-None-Match': asset.headers.get('etag') ?? '', 'Cache-Control': 'max-age=0' },
      });
      expect(again.status).toBe(304);
      if (address.endsWith('.js')) scripts += (await asset.text()).length;
    }
    expect(scripts).toBeLessThan(200_000);
    expect((await fetch(`${url}/assets/0000/console.js`)).status).toBe(404);
  });
});

describe('a line that is watched', () => {
  const since = '2026-11-21T10:00:00.000Z';

  it.each([
    ['up', false],
    ['down', true],
    ['unknown', false],
  ] as const)('is %s', async (state, shown) => {
    const { login } = await openConsole({ lineHealth: { state, since, lastStatus: null } });
    const { html } = await (await login('ops')).get('/live');
    expect(html).toMatch(/sales-1/);
    expect(html.includes('<strong>down</strong>')).toBe(shown);
  });

  it.each([
    ['down', 'did not answer OPTIONS of late, not dialled'],
    ['drained', 'taken out of service, not dialled'],
    ['loop', 'would call us back, not dialled'],
  ] as const)('was passed over: %s', async (obstacle, words) => {
    const { login, end } = await openConsole();
    const [leg] = endedCall().legs;
    const passed = { ringingAt: null, answeredAt: null, sip: null, result: 'unreachable', obstacle } as const;
    const call = await end(endedCall({ legs: leg ? [{ ...leg, ...passed }] : [] }));
    const { html } = await (await login('supervisor')).get(`/calls/${call.id}`);
    expect(html).toContain(words);
    expect(html).not.toContain('main-office: dialled');
  });
});

describe('deliveries', () => {
  it('are repeated by time, piece by piece, at the clocks that the page shows', async () => {
    const asked: unknown[] = [];
    const crm = { id: 'crm', url: 'https://crm.example', events: ['*'], state: 'up' as const, reason: null };
    const waiting = { since: null, nextProbeAt: null, undelivered: 0, oldestAt: null, deadLetters: 0 };
    const { login } = await openConsole({
      webhooks: {
        list: () => Promise.resolve([{ ...crm, ...waiting }]),
        ofCall: () => Promise.resolve(null),
        replay: () => Promise.resolve(null),
        replayDead: () => Promise.resolve(null),
        replayRange: (id, from, to, after) => {
          asked.push([id, new Date(from).toISOString(), new Date(to).toISOString(), after]);
          if (id !== 'crm') return Promise.resolve(null);
          const goneBefore = '2026-11-21T03:00:00.000Z';
          return Promise.resolve({ queued: 2, skipped: 998, next: after === null ? '7-0' : null, goneBefore });
        },
      },
    });
    const ops = await login('ops');
    const day = { from: '2026-11-21T00:00', to: '2026-11-22T00:00' };
    const posted = await ops.post('/deliveries/range', { endpoint: 'crm', ...day });
    expect([posted.status, posted.headers.get('location')]).toEqual([303, '/deliveries?queued=4&gone=1']);
    const [from, to] = ['2026-11-20T21:00:00.000Z', '2026-11-21T21:00:00.000Z'];
    expect(asked).toEqual([
      ['crm', from, to, null],
      ['crm', from, to, '7-0'],
    ]);
    expect((await ops.post('/deliveries/range', { endpoint: 'crm', from: day.to, to: day.from })).status).toBe(400);
    expect((await ops.post('/deliveries/range', { endpoint: 'crm', from: '', to: '' })).status).toBe(400);
    expect((await ops.post('/deliveries/range', { endpoint: 'none', ...day })).status).toBe(404);
    const page = (await ops.get('/deliveries?queued=4&gone=1')).html;
    expect(page).toContain('Queued again: 4 The oldest events of that time are no longer kept');
    expect(page).toContain('action="/deliveries/range"');
    expect((await (await login('supervisor')).get('/deliveries')).html).not.toContain('/deliveries/range');
  });
});
