import { describe, expect, it, vi } from 'vitest';
import type { Attribution, Call } from '../../src/call/call.js';
import { withoutCaller } from '../../src/call/erasure.js';
import { FakeS3 } from '../fakes/s3.js';
import { exampleCall, exampleHolder } from '../redis/examples.js';
import { openConsole } from '../support/console.js';
import { endedCall } from '../support/recording-house.js';
import { wavBytes } from '../support/wav-bytes.js';

const HTMX = { 'HX-Request': 'true' };
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
const talking = (fields: Partial<Call> = {}): Call =>
  exampleCall({ startedAt: ago(60_000), answeredAt: ago(55_000), ...fields });
/** What the buttons of a page would do. */
const actionsOf = (html: string) => [...html.matchAll(/name="action" value="(\w+)"/g)].map(([, action]) => action);

describe('the recording of a call in progress', () => {
  it('is paused, masked and stopped with and without a script, and its state is shown', async () => {
    const { login, talk } = await openConsole();
    const { call, told } = await talk(talking());
    const agent = await login('agent');
    const page = `/calls/${call.id}`;
    const opened = await agent.get(page);
    expect(opened.html).toContain('being recorded');
    expect(actionsOf(opened.html)).toEqual(['pause', 'mask', 'stop']);
    const posted = await agent.post(`${page}/recording/control`, { action: 'mask' });
    expect([posted.status, posted.headers.get('location')]).toEqual([303, page]);
    const masked = await agent.get(page);
    expect(masked.html).toContain('masked: silence is recorded');
    expect(actionsOf(masked.html)).toEqual(['unmask', 'stop']);
    const part = await agent.post(`${page}/recording/control`, { action: 'unmask' }, HTMX);
    expect(part.html).not.toContain('<html');
    expect(actionsOf(part.html)).toEqual(['pause', 'mask', 'stop']);
    await agent.post(`${page}/recording/control`, { action: 'pause' }, HTMX);
    await agent.post(`${page}/recording/control`, { action: 'resume' }, HTMX);
    await agent.post(`${page}/recording/control`, { action: 'stop' }, HTMX);
    expect((await agent.get(page)).html).toContain('stopped: nothing more is recorded');
    expect(told).toEqual(['mask', 'unmask', 'pause', 'resume', 'stop']);
  });

  it('is asked for again and again, and drawn anew only where it has changed', async () => {
    const { login, talk, end } = await openConsole();
    const { call, recording } = await talk(talking());
    const agent = await login('agent');
    const path = `/calls/${call.id}/recording/control`;
    expect((await agent.get(`${path}?state=recording`, HTMX)).status).toBe(204);
    await recording.act('pause');
    await expect.poll(async () => (await agent.get(`${path}?state=recording`, HTMX)).html).toContain('paused');
    expect((await agent.get(path)).headers.get('location')).toBe(`/calls/${call.id}`);
    await end({ ...call, endedAt: ago(0) });
    expect((await agent.get(`${path}?state=paused`, HTMX)).html).toContain('The call has ended.');
  });

  it('is begun on demand, and never where it is not wanted', async () => {
    const { login, talk } = await openConsole();
    const agent = await login('agent');
    const demanded = await talk(talking(), 'on-demand');
    expect(actionsOf((await agent.get(`/calls/${demanded.call.id}`)).html)).toEqual(['start']);
    await agent.post(`/calls/${demanded.call.id}/recording/control`, { action: 'start' });
    expect(demanded.told).toEqual(['start']);
    const never = await talk(talking(), 'never');
    const { html } = await agent.get(`/calls/${never.call.id}`);
    expect(html).toContain('This call is not recorded.');
    expect(actionsOf(html)).toEqual([]);
    const refused = await agent.post(`/calls/${never.call.id}/recording/control`, { action: 'start' }, HTMX);
    expect([refused.status, refused.html.includes('This call is not recorded.')]).toEqual([409, true]);
  });

  it('is changed by those who may, at their sites, with the token of their session', async () => {
    const { login, talk } = await openConsole();
    const [own, foreign] = [await talk(talking()), await talk(talking({ site: 'shop' }))];
    const control = (one: typeof own) => `/calls/${one.call.id}/recording/control`;
    const ops = await login('ops');
    const seen = await ops.get(`/calls/${own.call.id}`);
    expect(seen.html).toContain('being recorded');
    expect(actionsOf(seen.html)).toEqual([]);
    expect((await ops.post(control(own), { action: 'pause' })).status).toBe(403);
    const olga = await login('olga');
    expect((await olga.post(control(foreign), { action: 'pause' })).status).toBe(404);
    expect((await olga.post(control(own), { action: 'pause', _csrf: 'x' })).status).toBe(403);
    expect((await olga.post(control(own), { action: 'burn' })).status).toBe(400);
    expect([...own.told, ...foreign.told]).toEqual([]);
    expect((await olga.post(control(own), { action: 'pause' })).status).toBe(303);
  });

  it('is shown and changed on the live page too', async () => {
    const { login, talk } = await openConsole();
    const { call, told } = await talk(talking());
    await talk(talking({ answeredAt: null }));
    const supervisor = await login('supervisor');
    const { html } = await supervisor.get('/live');
    expect(actionsOf(html)).toEqual(['pause', 'mask']);
    expect(html).toContain('aria-label="Pause recording: +7 916 000 00 01"');
    const form = { action: 'pause', from: 'live' };
    const plain = await supervisor.post(`/calls/${call.id}/recording/control`, form);
    expect(plain.headers.get('location')).toBe('/live');
    expect((await supervisor.get('/live')).html).toContain('paused: left out of the recording');
    const part = await supervisor.post(`/calls/${call.id}/recording/control`, { ...form, action: 'resume' }, HTMX);
    expect([part.status, part.html]).toEqual([204, '']);
    expect(told).toEqual(['pause', 'resume']);
    expect(actionsOf((await (await login('ops')).get('/live')).html)).toEqual([]);
  });
});

describe('a legal hold', () => {
  it('keeps the recording from being deleted until it is released, and stands in the audit log', async () => {
    const { login, end, house } = await openConsole();
    const call = await end(endedCall(2), wavBytes(2));
    const page = `/calls/${call.id}`;
    const supervisor = await login('supervisor');
    expect((await supervisor.get(page)).html).toContain(`${page}/recording/delete`);
    expect((await supervisor.post(`${page}/recording/hold`, { reason: ' ' })).status).toBe(400);
    expect((await supervisor.post(`${page}/recording/hold`, { reason: 'x'.repeat(501) })).status).toBe(400);
    await supervisor.post(`${page}/recording/hold`, { reason: 'case <b>12</b>' });
    const held = (await supervisor.get(page)).html;
    expect(held).toMatch(/Under legal hold by supervisor, [^:]+:\d\d: case &lt;b&gt;12&lt;\/b&gt;\./);
    expect(held).not.toContain(`${page}/recording/delete`);
    const agents = await (await login('agent')).get(page);
    expect(agents.html).toContain('Under legal hold by supervisor');
    expect(agents.html).not.toContain('/recording/release');
    expect((await supervisor.post(`${page}/recording/delete`)).status).toBe(409);
    await supervisor.post(`${page}/recording/release`);
    await supervisor.post(`${page}/recording/delete`);
    expect((await supervisor.get(page)).html).toMatch(
      /It has been deleted \(\d\d\/\d\d\/\d{4}, \d\d:\d\d: somebody deleted it\)/,
    );
    const { lines } = await house.audit.read({ cursor: null, limit: 10, call: call.id, sites: null });
    expect(lines.map(({ action, who, detail }) => [action, who.name, detail['reason']])).toEqual([
      ['recording.delete', 'supervisor', 'request'],
      ['recording.release', 'supervisor', undefined],
      ['recording.hold', 'supervisor', 'case <b>12</b>'],
    ]);
    const told = (await (await login('auditor')).get('/audit')).html;
    for (const why of ['why: somebody deleted it', 'why: case &lt;b&gt;12&lt;/b&gt;']) expect(told).toContain(why);
    expect((await supervisor.post(`${page}/recording/hold`, { reason: 'too late' })).status).toBe(410);
  });
});

describe('what a recording lacks', () => {
  it('is told above its player', async () => {
    const { login, end } = await openConsole();
    const call = endedCall(3);
    call.recording = { ...call.recording, paused: [{ atSeconds: 61, seconds: 14 }] };
    await end(call, wavBytes(3));
    call.recording = { ...call.recording, paused: [{ atSeconds: 61, seconds: 14 }] };
    call.recording.masked = [{ fromSeconds: 1, toSeconds: 2.2 }];
    await end(call);
    const { html } = await (await login('agent')).get(`/calls/${call.id}`);
    expect(html).toContain('At 1:01 14 s are left out: recording was paused.');
    expect(html).toContain('From 0:01 to 0:02 there is silence: it was masked.');
  });

  it('is told where a part is missing, and, where all is, why: also to those who may not listen', async () => {
    const { login, end, house } = await openConsole();
    const cut = await end(endedCall(3), wavBytes(3));
    cut.recording = { ...cut.recording, reason: 'shorter_than_talk' };
    await end(cut);
    const ops = await login('ops');
    expect((await (await login('agent')).get(`/calls/${cut.id}`)).html).toContain('It is shorter than the talk');
    expect((await ops.get(`/calls/${cut.id}`)).html).toContain('Your role may not listen to recordings.');
    const failed = endedCall(3);
    failed.recording = { ...failed.recording, status: 'failed', reason: 'io_enospc' };
    house.calls.set(failed.id, failed);
    await end(failed);
    expect((await ops.get(`/calls/${failed.id}`)).html).toContain('Recording failed. Reason: the disk failed (ENOSPC)');
  });

  it('is not known where the store is away: the page shows the rest', async () => {
    const s3 = await FakeS3.start();
    const { login, end } = await openConsole({ s3: s3.config() });
    const call = await end(endedCall(3));
    s3.fault = () => 'unavailable';
    const { status, html } = await (await login('ops')).get(`/calls/${call.id}`);
    expect(status).toBe(200);
    expect(html).toContain('The store of recordings does not answer now.');
    expect(html).toContain(call.id);
  });
});

describe('whose call it was', () => {
  const [first, second] = ['a', 'b'].map((letter, n) =>
    exampleHolder({
      leaseId: `lease-${letter}`,
      leasedAt: Date.now() - (n + 1) * 600_000,
      expiresAt: Date.now() + 600_000,
      session: {
        ...exampleHolder().session,
        id: `session-${letter}`,
        utm: { ...exampleHolder().session.utm, campaign: `<${letter}>` },
      },
    }),
  );
  const holders = [first, second].flatMap((one) => one ?? []);
  const candidates = [
    { leaseId: 'lease-b', sessionId: 'session-b', weight: 0.3, leaseAgeSeconds: 9, leaseEndedSecondsAgo: null },
  ];

  it('is put right by picking a visit; the page shows before and after, who and why', async () => {
    const { login, end, store } = await openConsole({ holders });
    const attribution: Attribution = { ...exampleCall().attribution, candidates };
    const call = await end(endedCall(0, { attribution }));
    const agent = await login('agent');
    expect((await agent.get(`/calls/${call.id}`)).html).toContain(`href="/calls/${call.id}/attribution"`);
    const { html } = await agent.get(`/calls/${call.id}/attribution`);
    expect([...html.matchAll(/value="lease:([\w-]+)"/g)].map(([, lease]) => lease)).toEqual(['lease-a', 'lease-b']);
    expect(html).toContain('yandex · &lt;a&gt; · угловой диван');
    expect(html).toContain('30%');
    const posted = await agent.post(`/calls/${call.id}/attribution`, {
      visit: 'lease:lease-b',
      reason: 'she named the sofa',
    });
    expect(posted.headers.get('location')).toBe(`/calls/${call.id}`);
    expect(await store.get(call.id)).toMatchObject({
      attribution: { verdict: 'exact', rule: 'operator', leaseId: 'lease-b', session: { id: 'session-b' } },
      corrections: [
        { by: 'agent', reason: 'she named the sofa', old: { leaseId: 'lease-1' }, new: { leaseId: 'lease-b' } },
      ],
    });
    const shown = (await agent.get(`/calls/${call.id}`)).html;
    expect(shown).toMatch(/session-1<\/span>[^]*<strong>[^<]*session-b<\/strong>[^]*agent, [^<]*she named the sofa/);
    await agent.post(`/calls/${call.id}/attribution`, { visit: 'nobody', reason: 'a wrong number' });
    expect(await store.get(call.id)).toMatchObject({ attribution: { verdict: 'none', session: null } });
  });

  it('is put right by the code of the page that the caller has before him', async () => {
    const { login, end, store } = await openConsole({ holders });
    const call = await end(endedCall(0));
    const agent = await login('agent');
    await agent.post(`/calls/${call.id}/promo`, { code: '482 10' });
    expect(await store.get(call.id)).toMatchObject({
      attribution: { verdict: 'promo', session: { id: 'session-a' } },
      corrections: [{ by: 'agent', reason: 'promo code' }],
    });
    const wrong = await agent.post(`/calls/${call.id}/promo`, { code: '11111' });
    expect(wrong.status).toBe(400);
    expect((await agent.post(`/calls/${call.id}/promo`, { code: 'abc' })).status).toBe(400);
  });

  it.each([
    [{ visit: 'lease:lease-b', reason: ' ' }, 400],
    [{ visit: '', reason: 'because' }, 400],
    [{ visit: 'lease:not-his', reason: 'because' }, 400],
    [{ visit: `lease:${'x'.repeat(300)}`, reason: 'because' }, 400],
  ])('%j is refused', async (form, status) => {
    const { login, end, store } = await openConsole({ holders });
    const call = await end(endedCall(0));
    expect((await (await login('agent')).post(`/calls/${call.id}/attribution`, form)).status).toBe(status);
    expect((await store.get(call.id))?.corrections).toEqual([]);
  });

  it('is nobody’s to say of a caller who was forgotten', async () => {
    const { login, end, store } = await openConsole({ holders });
    const call = await end(withoutCaller(endedCall(0), false));
    const olga = await login('olga');
    const shown = (await olga.get(`/calls/${call.id}`)).html;
    expect(shown).toContain('Звонивший удалён из данных по его просьбе');
    expect(shown).not.toContain('/attribution"');
    const answers = [
      await olga.get(`/calls/${call.id}/attribution`),
      await olga.post(`/calls/${call.id}/attribution`, { visit: 'lease:lease-b', reason: 'because' }),
      await olga.post(`/calls/${call.id}/promo`, { code: '48210' }),
    ];
    for (const { status, html } of answers)
      expect([status, html]).toEqual([409, expect.stringContaining('этот звонок больше ничей')]);
    expect(await store.get(call.id)).toEqual(call);
  });

  it('is nobody else’s to say: other sites and other roles', async () => {
    const { login, end } = await openConsole({ holders });
    const [own, foreign] = [await end(endedCall(0)), await end(endedCall(0, { site: 'shop' }))];
    const form = { visit: 'nobody', reason: 'because' };
    expect((await (await login('olga')).post(`/calls/${foreign.id}/attribution`, form)).status).toBe(404);
    expect((await (await login('ops')).get(`/calls/${own.id}/attribution`)).status).toBe(403);
    expect((await (await login('ops')).get(`/calls/${own.id}`)).html).not.toContain('/attribution"');
  });
});

describe('a call that has left the history', () => {
  async function openLeft(site = 'divan') {
    const world = await openConsole();
    const call = await world.end(
      endedCall(2, { site }),
      wavBytes(2, (n) => n % 99),
    );
    await world.link.send((client) => client.del(world.keys.call(call.id)));
    world.house.calls.delete(call.id);
    return { ...world, call, page: `/calls/${call.id}` };
  }

  it('is its recording, as long as that is kept: heard, shared, held and deleted as before', async () => {
    const { login, page, call } = await openLeft();
    const boss = await login('supervisor');
    const { status, html } = await boss.get(page);
    expect([status, html]).toEqual([200, expect.stringContaining('This call has left the history')]);
    for (const part of [`src="${page}/recording"`, '0:02', `<code>${call.id}</code>`]) expect(html).toContain(part);
    expect((await boss.get(`${page}/recording`)).status).toBe(200);
    expect((await boss.post(`${page}/recording/link`, { hours: '1' })).html).toContain('/r/');
    await boss.post(`${page}/recording/hold`, { reason: 'case 12' });
    expect((await boss.get(page)).html).toContain(': case 12');
    expect((await boss.post(`${page}/recording/delete`)).status).toBe(409);
    await boss.post(`${page}/recording/release`);
    expect((await boss.post(`${page}/recording/delete`)).headers.get('location')).toBe(page);
    expect((await boss.get(page)).status, 'nothing is left').toBe(404);
    expect((await (await login('olga')).get(`${page}/recording`)).status).toBe(404);
  });

  it('is shown to nobody else: by role and by site', async () => {
    const { login, page } = await openLeft();
    expect((await (await login('ops')).get(page)).status).toBe(404);
    expect((await (await login('olga')).get(page)).html).toContain('Этот звонок уже ушёл из истории');
    const shops = await openLeft('shop');
    expect((await (await shops.login('olga')).get(shops.page)).status).toBe(404);
  });

  it('is said to be away like any where the store does not answer', async () => {
    const { login, page, house } = await openLeft();
    vi.spyOn(house.archive, 'find').mockRejectedValue(new Error('the store is away'));
    expect((await (await login('agent')).get(page)).status).toBe(404);
  });
});

describe('a verdict that books nobody', () => {
  const candidates = [
    { leaseId: 'lease-a', sessionId: 'session-a', weight: 0.41, leaseAgeSeconds: 900, leaseEndedSecondsAgo: 200 },
    { leaseId: 'lease-b', sessionId: 'session-b', weight: 0.33, leaseAgeSeconds: 90, leaseEndedSecondsAgo: null },
  ];
  const attribution: Attribution = {
    ...exampleCall().attribution,
    verdict: 'ambiguous',
    rule: 'nobody-likely-measured',
    confidence: 0,
    leaseId: null,
    leaseAgeSeconds: null,
    session: null,
    candidates,
  };

  it('says that it is not known, and who is most likely: page, list, CSV, missed', async () => {
    const { login, end } = await openConsole();
    const call = await end(endedCall(0, { attribution }));
    const lost = await end(endedCall(0, { attribution, disposition: 'missed', lossReason: 'busy', answeredAt: null }));
    const visitor = await login('supervisor');
    const { html } = await visitor.get(`/calls/${call.id}`);
    expect(html).toContain('not known; most likely session-a (41%)');
    expect(html).toContain('nobody is booked');
    expect(html).toContain('<td>session-b</td><td class="num">33%</td>');
    expect((await visitor.get('/calls?verdict=ambiguous')).html).toContain('not known; most likely session-a (41%)');
    expect((await visitor.get('/missed')).html).toContain(lost.id);
    const csv = await visitor.get('/calls.csv');
    expect(csv.html).toContain(',ambiguous,0,nobody-likely-measured,,session-a 0.41; session-b 0.33,');
    const other = await end(endedCall(0, { attribution: { ...attribution, rule: 're-lent-number', confidence: 0.6 } }));
    expect((await visitor.get(`/calls/${other.id}`)).html).toContain('several possible');
  });
});

describe('somebody whom we have called back', () => {
  it('leaves the queue with when, how long and after how many tries; in vain he stays, and it is counted', async () => {
    const { login, end, callbacks, store } = await openConsole();
    const now = Date.now();
    const startedAt = new Date(now - 3_600_000).toISOString();
    const lost = await end(endedCall(0, { startedAt, disposition: 'missed', lossReason: 'busy', answeredAt: null }));
    const tell = (minutesAgo: number, talkSeconds: number) =>
      callbacks.report({
        number: '8 916 000-00-01',
        sites: ['divan'],
        at: now - minutesAgo * 60_000,
        talkSeconds,
        line: 'sales-2',
        by: 'pbx',
      });
    const agent = await login('agent');
    await tell(50, 0);
    await tell(40, 0);
    expect((await agent.get('/missed')).html).toMatch(/waiting · called back in vain: 2, last \d/);
    await tell(30, 65);
    expect((await agent.get('/missed')).html).toContain('Nobody is waiting.');
    const { html } = await agent.get('/missed?view=settled');
    expect(html).toMatch(/we called back [^<]*, talk 1:05 · sales-2 · tries before: 2/);
    expect(html).toContain('>30 min<');
    expect((await store.get(lost.id))?.handled).toMatchObject({ by: 'pbx' });
    expect((await agent.get(`/calls/${lost.id}`)).html).toMatch(/Taken care of by pbx[^<]* · we called back/);
  });
});

describe('searching by name', () => {
  it('finds by beginnings of the words, in the same field as numbers', async () => {
    const { login, end } = await openConsole();
    const named = (name: string) => end(endedCall(0, { caller: { ...exampleCall().caller, name } }));
    const [anna] = [await named('Иванова Анна'), await named('Li Wei')];
    const agent = await login('agent');
    const found = async (words: string) =>
      [
        ...(await agent.get(`/calls?number=${encodeURIComponent(words)}`)).html.matchAll(
          /href="\/calls\/([\w-]{36})"/g,
        ),
      ].map(([, id]) => id);
    expect(await found('анна иван')).toEqual([anna.id]);
    expect(await found('8 916 000')).toHaveLength(2);
    expect(await found('Пётр')).toEqual([]);
  });
});
