import { expect, it } from 'vitest';
import { signLink } from '../../src/recordings/links.js';
import { openConsole } from '../support/console.js';
import { endedCall } from '../support/recording-house.js';
import { wavBytes } from '../support/wav-bytes.js';

const PUBLIC = 'http://127.0.0.1:8080';
/** As browsers ask for what is to be a page. */
const BROWSER = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'Sec-Fetch-Dest': 'document' };
const tone = (n: number) => Math.round(9000 * Math.sin(n / 3));

async function openShared(once: boolean) {
  const world = await openConsole();
  const call = await world.end(endedCall(8), wavBytes(8, tone, tone));
  const visitor = await world.login('supervisor');
  const asked = { hours: '1', ...(once && { once: 'yes' }) };
  const { html } = await visitor.post(`/calls/${call.id}/recording/link`, asked);
  const link = (/value="(http[^"]+)"/.exec(html)?.[1] ?? '').replace(PUBLIC, world.url);
  const open = (headers: Record<string, string> = BROWSER, suffix = '') => fetch(link + suffix, { headers });
  const page = async (language: string, agent = 'his') =>
    (await open({ ...BROWSER, 'Accept-Language': language, 'User-Agent': agent })).text();
  const actions = async () => {
    const { lines } = await world.house.audit.read({ cursor: null, limit: 20, call: call.id, sites: null });
    return lines.filter(({ who }) => who.kind === 'link').map(({ action }) => action);
  };
  return { ...world, call, link, open, page, actions };
}

it('a link that somebody opens is a page with a player, in his language, and no hearing yet', async () => {
  const { call, link, url, open, page, actions } = await openShared(false);
  const [ru, uz, en] = [await page('ru'), await page('uz'), await page('en')];
  expect(ru).toContain('Запись разговора');
  expect(uz).toContain('Suhbat yozuvi');
  expect(en).toMatch(/Call of .*\(Europe\/Moscow\), 0:08\./);
  expect(en).toContain(`src="${link.slice(url.length)}"`);
  // Who called is nobody else's.
  expect(en).not.toContain(call.caller.number?.slice(-4) ?? '-');
  expect(await actions()).toEqual([]);
  expect((await open({ Range: 'bytes=0-9', 'Sec-Fetch-Dest': 'audio' })).status).toBe(206);
  const saved = await open(BROWSER, '?download=1');
  expect(saved.headers.get('content-disposition')).toContain(`attachment; filename="call-${call.id}.wav"`);
  expect((await open({ Accept: '*/*' })).headers.get('content-type')).toBe('audio/wav');
  expect(await actions()).toEqual(['recording.download', 'recording.download', 'recording.play']);
});

it('a link for one use is heard piece by piece by who opened it, and a page tells others that it was used', async () => {
  const { open, page } = await openShared(true);
  expect(await page('en')).not.toContain('download=1');
  const piece = (agent: string) => open({ Range: 'bytes=0-', 'User-Agent': agent, 'Sec-Fetch-Dest': 'audio' });
  for (const status of [206, 206]) expect((await piece('his')).status).toBe(status);
  expect(await page('en')).toContain('<audio');
  expect(await page('ru', 'another')).toContain('Ссылка больше не действует');
  expect((await piece('another')).status).toBe(410);
});

/** Who looks at links in messages to show what they lead to, by what they call themselves. */
const PREVIEWS = [
  'TelegramBot (like TwitterBot)',
  'WhatsApp/2.23.20.0 A',
  'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
  'Slack-ImgProxy (+https://api.slack.com/robots)',
  'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)',
  // iMessage.
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0',
  'meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)',
  'Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)',
  'Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com',
  'Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)',
  'OdklBot/1.0 (share@odnoklassniki.ru)',
  'Viber/13.3.0.5 CFNetwork/1126',
];

it('a preview in a messenger gets nothing, and uses up no link for one use', async () => {
  const { open, actions } = await openShared(true);
  const ways: Record<string, string>[] = [{}, { Accept: '*/*', Range: 'bytes=0-' }, BROWSER];
  for (const agent of PREVIEWS)
    for (const headers of ways) {
      const answer = await open({ ...headers, 'User-Agent': agent }, '?download=1');
      expect([answer.status, await answer.text(), answer.headers.get('x-robots-tag')], agent).toEqual([
        204,
        '',
        'noindex',
      ]);
    }
  expect(await actions()).toEqual([]);
  expect((await open({ 'User-Agent': 'curl/8.1', Accept: '*/*' })).headers.get('content-type')).toBe('audio/wav');
});

it.each([
  'Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 21) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36',
  'Mozilla/5.0 (Linux; Android 14; Pixel) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/440.0]',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 [WhatsApp]',
  'python-requests/2.31',
  'VLC/3.0.18 LibVLC/3.0.18',
])('%s is no preview', async (agent) => {
  const { open } = await openShared(true);
  expect((await open({ ...BROWSER, 'User-Agent': agent })).status).toBe(200);
  expect((await open({ Range: 'bytes=0-', 'User-Agent': agent, 'Sec-Fetch-Dest': 'audio' })).status).toBe(206);
});

it('a link that has ended or was altered says so in a page, and to programs in a problem document', async () => {
  const { call, link, house, url, open } = await openShared(false);
  const about = { id: 'a'.repeat(16), callId: call.id, oneTime: false, downloadName: null, format: null };
  const over = signLink({ ...about, expiresAt: Date.now() - 1000 }, await house.facts.linkSecret());
  const ended = await fetch(`${url}/r/${over}`, { headers: { ...BROWSER, 'Accept-Language': 'uz' } });
  expect([ended.status, ended.headers.get('content-type')]).toEqual([410, 'text/html; charset=utf-8']);
  expect(await ended.text()).toContain('Havola endi amal qilmaydi');
  const altered = await fetch(`${link}x`, { headers: BROWSER });
  expect([altered.status, await altered.text()]).toEqual([403, expect.stringContaining('was altered')]);
  const program = await fetch(`${url}/r/${over}`);
  expect(await program.json()).toMatchObject({ status: 410, code: 'GW_ERR_LINK_ENDED' });
  await house.archive.remove(
    { base: `divan/${call.startedAt.slice(0, 10).replaceAll('-', '/')}/${call.id}` },
    call.id,
    {
      at: new Date().toISOString(),
      reason: 'request',
    },
  );
  const gone = await open();
  expect([gone.status, await gone.text()]).toEqual([410, expect.stringContaining('no longer works')]);
});
