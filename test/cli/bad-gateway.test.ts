import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { COMMANDS, main } from '../../src/cli/main.js';
import { NOTHING_HERE, PROBLEM_TYPE, problemOf } from '../../src/http/problem.js';
import type { ErrorCode } from '../../src/lib/errors.js';
import { Screen } from '../support/terminal.js';
import { until } from '../support/until.js';

const ARGUMENTS: Record<string, string[]> = {
  'call show': ['call-1'],
  'callers delete': ['+79160000001'],
  'callbacks add': ['+79160000001', '--talk', '5'],
  'route explain': ['--number', '+74951111111'],
  leases: ['--site', 'divan'],
};
const ASKING = COMMANDS.filter(({ options }) => 'url' in options).map(({ name }) => [
  ...name.split(' '),
  ...(ARGUMENTS[name] ?? []),
]);

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const problem =
  (code: ErrorCode, detail: string): RequestListener =>
  (_req, res) => {
    const body = problemOf(code, detail);
    res.writeHead(body.status, { 'content-type': PROBLEM_TYPE }).end(JSON.stringify(body));
  };
const page =
  (status: number, type = 'text/html', body = '<h1>nginx</h1>'): RequestListener =>
  (_req, res) => {
    res.writeHead(status, { 'content-type': type }).end(body);
  };

/** Commands that would go on are interrupted when they have said something. */
async function run(args: readonly string[], url: string, key = 'secret') {
  const screen = new Screen({ CALLTRACK_URL: url, CALLTRACK_KEY: key });
  const running = main([...args], screen);
  if (args.includes('tail')) {
    await Promise.race([running, until('it says something', () => screen.errors.length > 0)]);
    screen.interrupt();
  }
  const { lines, errors } = screen;
  return { status: await running, lines, errors };
}

describe('every command that asks a gateway says in one line, with status 1,', () => {
  it.each([
    ['a key that is none', problem('GW_ERR_UNAUTHORIZED', 'send it'), /401 GW_ERR_UNAUTHORIZED: .*CALLTRACK_KEY/],
    [
      'a scope that is missing',
      problem('GW_ERR_FORBIDDEN', 'this needs the scope'),
      /403 GW_ERR_FORBIDDEN: this needs/,
    ],
    [
      'a path that an older one does not have',
      problem('GW_ERR_NOT_FOUND', NOTHING_HERE),
      /404 .*older than this calltrack/,
    ],
    ['a page of a proxy', page(500), /^what answers at http:\S+ \(500 Internal Server Error\) is no gateway: a proxy/],
    ['a page in the place of an answer', page(200), /\(200 OK\) is no gateway/],
    ['an error of something else', page(404, 'application/json', '{"detail":"no"}'), /\(404 Not Found\) is no gateway/],
    [
      'an error that is no object',
      page(500, 'application/json', '"no"'),
      /\(500 Internal Server Error\) is no gateway/,
    ],
  ] as const)('%s', async (_what, answer, said) => {
    const url = await serve(answer);
    for (const args of ASKING) {
      const { status, errors, lines } = await run(args, url);
      expect([args, status, errors, lines]).toEqual([args, 1, [expect.stringMatching(said)], []]);
      expect(errors[0]).not.toContain('\n');
    }
  });

  it.each([
    ['that Redis is away', problem('GW_ERR_REDIS_AWAY', 'later'), /answers 503 GW_ERR_REDIS_AWAY: later/],
    ['that a proxy finds no gateway', page(502), /\(502 Bad Gateway\) is no gateway: a proxy/],
  ] as const)('%s; who follows the calls goes on', async (_what, answer, said) => {
    const url = await serve(answer);
    for (const args of ASKING) {
      const { status, errors } = await run(args, url);
      expect([args, status, errors]).toEqual([args, args.includes('tail') ? 0 : 1, [expect.stringMatching(said)]]);
    }
  });

  it('that nobody is there', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const gone = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.close();
    await once(server, 'close');
    for (const args of ASKING) {
      const { status, errors } = await run(args, gone);
      const goesOn = args.includes('tail');
      const said = /^the gateway at http:\S+ does not answer: connect ECONNREFUSED/;
      expect([args, status, errors]).toEqual([args, goesOn ? 0 : 1, [expect.stringMatching(said)]]);
    }
  });

  it('that it has no key', async () => {
    const url = await serve(problem('GW_ERR_UNAUTHORIZED', 'send it'));
    expect((await run(['trunks'], url, '')).errors).toEqual([
      expect.stringMatching(/; there is none in CALLTRACK_KEY$/),
    ]);
  });
});

it('an answer of another version is told as such, and what can be understood is taken', async () => {
  const url = await serve(page(200, 'application/json', '{}'));
  const said = [
    expect.stringMatching(/^the gateway's answer is not what this calltrack knows: is it of another version/),
  ];
  for (const args of [['config', 'reload'], ['trunks'], ['call', 'show', 'x'], ['pools'], ['numbers']])
    expect(await run(args, url)).toMatchObject({ status: 1, errors: said });
  const older = await serve(page(200, 'application/json', '{"restart":[]}'));
  expect(await run(['config', 'reload'], older)).toMatchObject({ status: 0, lines: ['reloaded'] });
});
