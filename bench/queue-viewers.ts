// People who look at the queue of missed callers, for `npm run bench:console`, in a process of its own: it is told how many
// rows each shows and for how long, asks as their pages do, and answers with what it saw.
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'undici';
import { EVERY_MS, ROWS, type Seen, type ViewersOptions, type Watch } from './lib/console-queue.js';

const { url, viewers, name, password } = JSON.parse(process.argv[2] ?? '{}') as ViewersOptions;

class Viewer {
  // The gateway ends an idle connection after five seconds, just when the page asks again.
  readonly #client = new Client(url, { keepAliveTimeout: 1_000, keepAliveMaxTimeout: 1_000 });
  #cookie = '';
  #etag: string | null = null;

  async logIn(): Promise<void> {
    const form = await this.#ask('GET', '/login');
    const token = /name="_csrf" value="([^"]+)"/.exec(form.body)?.[1] ?? '';
    const { status } = await this.#ask('POST', '/login', new URLSearchParams({ _csrf: token, name, password }));
    if (status !== 303) throw new Error(`the log-in answered ${status}`);
  }

  async look(path: string) {
    const started = performance.now();
    const { status, etag, body } = await this.#ask('GET', path, null, {
      'hx-request': 'true',
      ...(this.#etag !== null && { 'if-none-match': this.#etag }),
    });
    if (status < 400) this.#etag = etag ?? this.#etag;
    return { status, bytes: body.length, ms: performance.now() - started };
  }

  forget(): void {
    this.#etag = null;
  }

  async #ask(
    method: 'GET' | 'POST',
    path: string,
    body: URLSearchParams | null = null,
    headers: Record<string, string> = {},
  ) {
    const type = body === null ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await this.#client.request({
      method,
      path,
      body: body?.toString() ?? null,
      headers: { accept: 'text/html', cookie: this.#cookie, ...type, ...headers },
    });
    const set = answer.headers['set-cookie'];
    for (const line of [set ?? []].flat()) this.#cookie = [this.#cookie, line.split(';')[0]].filter(Boolean).join('; ');
    const etag = answer.headers.etag;
    return {
      status: answer.statusCode,
      etag: typeof etag === 'string' ? etag : null,
      body: await answer.body.text(),
    };
  }
}

async function watch({ viewers: count, shown, seconds }: Watch): Promise<Seen> {
  const seen: Seen = { answers: 0, unchanged: 0, failed: 0, bytes: 0, ms: [] };
  const end = performance.now() + seconds * 1000;
  const watching = people.slice(0, count);
  // As missed.js has it.
  const everyMs = EVERY_MS * Math.max(1, shown / ROWS);
  const look = async (person: Viewer, n: number): Promise<void> => {
    person.forget();
    // They did not all come at once.
    await delay((everyMs * n) / watching.length);
    while (performance.now() < end) {
      const { status, bytes, ms } = await person.look(`/missed/now?view=waiting&shown=${shown}`);
      seen.answers += 1;
      if (status === 304) seen.unchanged += 1;
      if (status >= 400) seen.failed += 1;
      seen.bytes += bytes;
      seen.ms.push(ms);
      await delay(Math.max(0, Math.min(everyMs - ms, end - performance.now())));
    }
  };
  await Promise.all(watching.map(look));
  return seen;
}

const people = Array.from({ length: viewers }, () => new Viewer());
// One after the other: a gateway takes so many log-ins at a time from one address.
for (const person of people) await person.logIn();
process.on('message', (task: Watch) => {
  watch(task).then(
    (seen) => process.send?.(seen),
    (error: unknown) => {
      throw error;
    },
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
