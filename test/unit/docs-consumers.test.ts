import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';

/** What stands in the document as it is copied: plain JavaScript, with the names that the reader has to give. */
function pullLoop(): (...given: unknown[]) => Promise<never> {
  const blocks = readFileSync('docs/consumers.md', 'utf8').matchAll(/^```ts\n(.*?)^```$/gms);
  const loop = [...blocks].map(([, code = '']) => code).find((code) => code.includes('for (;;)'));
  const names = ['gateway', 'key', 'load', 'save', 'take', 'alert', 'pause'];
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the document's own text is what is tested
  return new Function(...names, `return (async () => { ${loop} })()`) as never;
}

const page = (ids: string[], next: string) => ({ status: 200, body: { events: ids.map((id) => ({ id })), next } });
const problem = (status: number, more: object = {}) => ({
  status,
  body: { status, detail: `problem ${status}`, ...more },
});

it('the loop that pulls events outlives restarts and gaps, and takes each event once', async () => {
  const answers = [
    page(['evt_1', 'evt_2'], '2-0'),
    problem(503),
    { status: 502, body: '<html>a proxy</html>' },
    null,
    { status: 200, body: '{"events":[{"id":"evt_3"', broken: true },
    problem(410, { lost: { events: 7, from: null, to: null }, next: '9-0' }),
    page([], '9-0'),
    page(['evt_10'], '10-0'),
  ];
  const asked: (string | null)[] = [];
  const server = createServer((req, res) => {
    asked.push(new URL(req.url ?? '', 'http://gateway').searchParams.get('after'));
    const answer = answers.shift();
    // The gateway is killed.
    if (!answer) return void req.socket.destroy();
    res.writeHead(answer.status);
    const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    if ('broken' in answer) res.write(body, () => req.socket.destroy());
    else res.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const taken: string[] = [];
  const saved: string[] = [];
  const alerts: unknown[] = [];
  const pauses: number[] = [];
  const load = () => Promise.resolve(null);
  const save = (_name: string, cursor: string) => {
    saved.push(cursor);
    return cursor === '10-0' ? Promise.reject(new Error('enough')) : Promise.resolve();
  };
  const take = ({ id }: { id: string }) => taken.push(id);
  const alert = (...said: unknown[]) => alerts.push(said);
  const pause = (ms: number) => Promise.resolve(pauses.push(ms));
  await expect(pullLoop()(gateway, 'key', load, save, take, alert, pause)).rejects.toThrow('enough');
  expect(taken).toEqual(['evt_1', 'evt_2', 'evt_10']);
  expect(asked).toEqual([null, '2-0', '2-0', '2-0', '2-0', '2-0', '9-0', '9-0']);
  expect(saved).toEqual(['2-0', '9-0', '10-0']);
  expect(pauses).toHaveLength(4);
  expect(alerts).toEqual([['problem 410', { events: 7, from: null, to: null }]]);
});
