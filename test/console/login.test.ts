import { describe, expect, it } from 'vitest';
import { openConsole, PASSWORD, Visitor } from '../support/console.js';

/** A console, and when `subject` may try again, however slow this machine is. */
async function openGuarded(subject: string) {
  const console = await openConsole();
  const { link, keys } = console;
  const attempts = keys.loginAttempts(subject);
  const now = async () => {
    const [seconds, micros] = await link.send((client) => client.time());
    return Number(seconds) * 1000 + Number(micros) / 1000;
  };
  const until = (at: number) => link.send((client) => client.hset(attempts, 'until', at));
  return {
    ...console,
    /** The attempt, and that the next one has to wait so long from it. */
    waitAfter: async (attempt: () => Promise<void>, waitMs: number) => {
      const before = await now();
      await attempt();
      const ends = Number(await link.send((client) => client.hget(attempts, 'until'))) - waitMs;
      expect([ends >= Math.floor(before), ends <= Math.ceil(await now())]).toEqual([true, true]);
    },
    /** The wait lasts for as long as the test. */
    waits: async () => until(Math.floor(await now()) + 60_000),
    goesOn: () => until(0),
  };
}

describe('log-in', () => {
  it('lets in by name and password, and leads to where one wanted to go', async () => {
    const { url } = await openConsole();
    const visitor = new Visitor(url);
    const asked = await visitor.get('/calls?number=916');
    expect(asked.status).toBe(303);
    expect(asked.headers.get('location')).toBe('/login?next=%2Fcalls%3Fnumber%3D916');
    const entered = await visitor.logIn('olga', PASSWORD);
    expect({ status: entered.status, to: entered.headers.get('location') }).toEqual({ status: 303, to: '/' });
    expect((await visitor.get('/')).headers.get('location')).toBe('/calls');
    expect(await visitor.get('/calls')).toMatchObject({ status: 200 });
  });

  it('sets a cookie that scripts and other sites do not get, over TLS only where there is TLS', async () => {
    const { url } = await openConsole();
    const plain = await new Visitor(url).logIn('olga', PASSWORD);
    const cookie = plain.headers.getSetCookie().find((line) => line.startsWith('calltrack-session='));
    expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Lax$/);

    const tls = await openConsole({ publicUrl: 'https://calls.example' });
    const secure = await new Visitor(tls.url).logIn('olga', PASSWORD);
    const [kept] = secure.headers.getSetCookie().filter((line) => line.startsWith('__Host-calltrack-session='));
    expect(kept).toMatch(/; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  });

  it('tells a wrong password from a wrong name by nothing', async () => {
    const { url } = await openConsole();
    const pages = await Promise.all(
      ['olga', 'nobody'].map(async (name) => new Visitor(url).logIn(name, 'not the password')),
    );
    const texts = pages.map(({ status, html }) => [status, /id="wrong">([^<]+)</.exec(html)?.[1]]);
    expect(texts[0]).toEqual([401, 'Name or password is wrong.']);
    expect(texts[1]).toEqual(texts[0]);
  });

  it('asks for a name in an empty field, and keeps it where the password was wrong', async () => {
    const { url } = await openConsole();
    const visitor = new Visitor(url);
    const shown = ({ html }: { html: string }) => /<input name="name" value="([^"]*)"/.exec(html)?.[1];
    expect(shown(await visitor.get('/login'))).toBe('');
    expect(shown(await visitor.logIn('olga', 'not the password'))).toBe('olga');
  });

  it('makes who guesses wait ever longer, and does not look at his guesses meanwhile', async () => {
    const { url, waitAfter, waits, goesOn, link, keys } = await openGuarded('user olga');
    const visitor = new Visitor(url);
    const guess = async (n: number) => expect((await visitor.logIn('olga', `guess ${n} at it`)).status).toBe(401);
    for (let n = 1; n < 5; n += 1) await guess(n);
    await waitAfter(() => guess(5), 2_000);
    await waits();
    const locked = await visitor.logIn('olga', PASSWORD);
    expect(locked.status).toBe(429);
    expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(0);
    // Somebody else, from the same office, still gets in.
    expect((await new Visitor(url).logIn('ops', PASSWORD)).status).toBe(303);
    await goesOn();
    await waitAfter(() => guess(6), 4_000);
    await goesOn();
    expect((await visitor.logIn('olga', PASSWORD)).status).toBe(303);
    expect(await link.send((client) => client.exists(keys.loginAttempts('user olga')))).toBe(0);
  });

  it('counts guesses that come side by side', async () => {
    const { url } = await openConsole();
    const visitor = new Visitor(url);
    const { html } = await visitor.get('/login');
    const token = /name="_csrf" value="([^"]+)"/.exec(html)?.[1] ?? '';
    const guess = (n: number) => visitor.send('/login', { _csrf: token, name: 'olga', password: `parallel ${n}` });
    const began = Date.now();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => guess(n)));
    const waits = Math.floor((Date.now() - began) / 2_000); // on a slow machine a wait of two seconds has passed meanwhile
    const looked = answers.filter(({ status }) => status === 401).length;
    expect(looked).toBeGreaterThanOrEqual(5);
    expect(looked).toBeLessThanOrEqual(5 + waits);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(20 - looked);
  });

  it('makes an office wait that guesses many names', async () => {
    const { url, waitAfter, waits, link, keys } = await openGuarded('address 127.0.0.1');
    await link.send((client) => client.hset(keys.loginAttempts('address 127.0.0.1'), 'count', 28));
    const guess = async (name: string) => expect((await new Visitor(url).logIn(name, 'x'.repeat(12))).status).toBe(401);
    await guess('nobody');
    await waitAfter(() => guess('somebody'), 2_000);
    await waits();
    expect((await new Visitor(url).logIn('olga', PASSWORD)).status).toBe(429);
  });
});

describe('a session', () => {
  it('is another one with each log-in, so that one planted before is worth nothing', async () => {
    const { url } = await openConsole();
    const visitor = new Visitor(url);
    visitor.cookies.set('calltrack-session', 'A'.repeat(43));
    await visitor.logIn('olga', PASSWORD);
    const first = visitor.cookies.get('calltrack-session') ?? '';
    expect(first).toMatch(/^[\w-]{43}$/);
    expect(first).not.toBe('A'.repeat(43));
    const planted = new Visitor(url);
    planted.cookies.set('calltrack-session', 'A'.repeat(43));
    expect((await planted.get('/calls')).status).toBe(303);
  });

  it('ends with the log-out, everywhere', async () => {
    const { url, login } = await openConsole();
    const visitor = await login('olga');
    const copy = new Visitor(url);
    copy.cookies.set('calltrack-session', visitor.cookies.get('calltrack-session') ?? '');
    expect((await copy.get('/calls')).status).toBe(200);
    expect((await visitor.post('/logout')).headers.get('location')).toBe('/login?out');
    expect((await copy.get('/calls')).status).toBe(303);
  });

  it('ends when its user is taken out, gets another password, or another role counts at once', async () => {
    const { config, login } = await openConsole();
    const visitor = await login('supervisor');
    const user = config.access.users.find(({ name }) => name === 'supervisor');
    if (!user) throw new Error('no such user');
    user.role = 'auditor';
    expect((await visitor.get('/calls')).status).toBe(403);
    user.password = user.password.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    expect((await visitor.get('/calls')).status).toBe(303);
  });

  it('ends after its time, and without requests', async () => {
    let now = Date.now();
    const { config, login, link, keys } = await openConsole({ clock: () => now });
    const visitor = await login('olga');
    const [key = ''] = await link.send((client) => client.keys(`${keys.consoleSession('').replace('{}', '')}*`));
    const { idle, session } = config.access.console;
    const left = await link.send((client) => client.pttl(key));
    expect(left).toBeGreaterThan(idle - 60_000);
    expect(left).toBeLessThanOrEqual(idle);
    now += session - 1000;
    expect((await visitor.get('/calls')).status).toBe(200);
    expect(await link.send((client) => client.pttl(key))).toBeLessThanOrEqual(1000);
    now += 1000;
    expect((await visitor.get('/calls')).status).toBe(303);
  });

  it('keeps nothing in Redis that one could log in with', async () => {
    const { link, login, keys } = await openConsole();
    const visitor = await login('olga');
    const found = await link.send((client) => client.keys(`${keys.consoleSession('').replace('{}', '')}*`));
    const kept = await Promise.all(found.map((key) => link.send((client) => client.get(key))));
    expect(JSON.stringify([found, kept])).not.toContain(visitor.cookies.get('calltrack-session') ?? '-');
  });
});

describe('a form', () => {
  it('is refused without the token of the session, from another page, and with another session’s token', async () => {
    const { login } = await openConsole();
    const [visitor, other] = [await login('olga'), await login('supervisor')];
    expect((await visitor.send('/logout', {})).status).toBe(403);
    expect((await visitor.send('/logout', { _csrf: await other.csrf() })).status).toBe(403);
    const own = { _csrf: await visitor.csrf() };
    expect((await visitor.send('/logout', own, { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
    expect((await visitor.send('/logout', own, { Origin: 'https://evil.example' })).status).toBe(403);
    expect((await visitor.get('/calls')).status).toBe(200);
    expect((await visitor.send('/logout', own, { 'Sec-Fetch-Site': 'same-origin' })).status).toBe(303);
  });

  it('that comes too late leads back to its page: by the log-in, or drawn anew where he has logged in again', async () => {
    const { login, url } = await openConsole();
    const visitor = await login('olga');
    const page = `${url}/missed?view=settled`;
    const stale = { _csrf: 'of-a-former-session' };
    const toLogin = '/login?next=%2Fmissed%3Fview%3Dsettled';
    const anew = await visitor.send('/logout', stale, { 'HX-Request': 'true', 'HX-Current-URL': page });
    expect([anew.status, anew.headers.get('hx-redirect')]).toEqual([401, '/missed?view=settled']);
    expect((await visitor.send('/settings', stale, { Referer: page })).headers.get('location')).toBe(
      '/missed?view=settled',
    );
    const stranger = new Visitor(url);
    const asked = await stranger.send('/logout', stale, { 'HX-Request': 'true', 'HX-Current-URL': page });
    expect([asked.status, asked.headers.get('hx-redirect')]).toEqual([401, toLogin]);
    expect((await stranger.send('/logout', stale, { Referer: page })).headers.get('location')).toBe(toLogin);
    const elsewhere = { Referer: 'https://evil.example/missed' };
    expect((await stranger.send('/logout', stale, elsewhere)).headers.get('location')).toBe('/login');
    const late = await stranger.send('/login', { ...stale, next: '/missed' });
    expect(late.headers.get('location')).toBe('/login?stale&next=%2Fmissed');
  });

  it.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    'javascript:alert(1)',
    '/a\r\nSet-Cookie: x=y',
  ])('leads to no other site: %j', async (next) => {
    const { url } = await openConsole();
    const visitor = new Visitor(url);
    const { html } = await visitor.get(`/login?next=${encodeURIComponent(next)}`);
    const token = /name="_csrf" value="([^"]+)"/.exec(html)?.[1] ?? '';
    const entered = await visitor.send('/login', { _csrf: token, name: 'olga', password: PASSWORD, next });
    expect(entered.headers.get('location')).toBe('/');
  });
});
