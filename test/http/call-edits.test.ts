import { beforeEach, describe, expect, it } from 'vitest';
import { callerErased } from '../../src/call/amendments.js';
import type { CallEditor } from '../../src/http/ports.js';
import { GatewayError } from '../../src/lib/errors.js';
import { exampleCall } from '../redis/examples.js';
import { accessKey, serve } from '../support/http.js';

const call = exampleCall();

let url: string;
let asked: unknown[];

const editor: CallEditor = {
  amend: (id, change, by) => {
    asked.push([id, change, by]);
    if (id === 'gone') return Promise.reject(new GatewayError('GW_ERR_NOT_FOUND', 'there is no call with this id'));
    return Promise.resolve(id === 'elsewhere' ? null : call);
  },
  correct: (id, leaseId, reason, by) => {
    asked.push([id, leaseId, reason, by]);
    if (id === 'erased') return Promise.reject(callerErased());
    return Promise.resolve(call);
  },
  correctByCode: (id, code, by) => {
    asked.push([id, code, by]);
    return Promise.resolve(call);
  },
  holders: () => Promise.resolve([]),
};

beforeEach(async () => {
  asked = [];
  const address = await serve({
    callEditor: editor,
    keys: () => [accessKey('crm', 'writes', ['calls:write']), accessKey('bi', 'reads', ['calls:read'])],
  });
  url = `${address}/v1/calls`;
});

const ask = (method: string, path: string, body?: unknown, key = 'writes') =>
  fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });

describe('changing a call', () => {
  it.each([
    ['POST', '/c1/tags', { name: ' sofas ' }, ['c1', { kind: 'tag', name: 'sofas' }, 'crm']],
    ['DELETE', '/c1/tags/big%20sofas', undefined, ['c1', { kind: 'untag', name: 'big sofas' }, 'crm']],
    ['POST', '/c1/handled', undefined, ['c1', { kind: 'handled', handled: true }, 'crm']],
    ['POST', '/c1/handled', { handled: false }, ['c1', { kind: 'handled', handled: false }, 'crm']],
    ['POST', '/c1/notes', { text: 'two\nlines' }, ['c1', { kind: 'note', text: 'two\nlines' }, 'crm']],
    [
      'POST',
      '/c1/notes',
      { text: 'cut in an emoji \ud83d' },
      ['c1', { kind: 'note', text: 'cut in an emoji \ufffd' }, 'crm'],
    ],
    ['PUT', '/c1/attribution', { leaseId: 'lease-2' }, ['c1', 'lease-2', 'corrected by an operator', 'crm']],
    ['PUT', '/c1/attribution', { leaseId: null, reason: 'spam' }, ['c1', null, 'spam', 'crm']],
  ])('%s %s %j', async (method, path, body, expected) => {
    const response = await ask(method, path, body);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(call);
    expect(asked).toEqual([expected]);
  });

  it('says so where another gateway will do it', async () => {
    const response = await ask('POST', '/elsewhere/tags', { name: 'sofas' });
    expect([response.status, await response.json()]).toEqual([202, { status: 'queued' }]);
  });

  it.each([
    ['POST', '/c1/tags', {}, 400],
    ['POST', '/c1/tags', { name: 'x'.repeat(65) }, 400],
    ['POST', '/c1/tags', { name: 'a', more: 1 }, 400],
    ['POST', '/c1/tags', '{"name":', 400],
    ['POST', '/c1/tags', '[]', 400],
    ['POST', '/c1/handled', { handled: 'yes' }, 400],
    ['POST', '/c1/notes', { text: 'x'.repeat(2001) }, 400],
    ['PUT', '/c1/attribution', {}, 400],
    ['POST', '/gone/tags', { name: 'a' }, 404],
    ['PUT', '/erased/attribution', { leaseId: null }, 409],
    ['POST', '/a%20b/tags', { name: 'a' }, 404],
    ['PUT', '/c1/tags', { name: 'a' }, 405],
    ['GET', '/c1/notes', undefined, 405],
  ])('%s %s %j: %d', async (method, path, body, status) => {
    const response = await ask(method, path, body);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
  });

  it.each([
    ['/c1/handled', '{"handled":false}', 'application/x-www-form-urlencoded'],
    ['/c1/tags', '{"name":"sofas"}', 'text/plain;charset=UTF-8'],
    ['/c1/notes', new Blob(['{"text":"a"}']).stream(), null],
  ])('%s: refuses a body that is not sent as JSON', async (path, body, type) => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: 'Bearer writes', ...(type !== null && { 'content-type': type }) },
      body,
      // A stream is sent in chunks, without a length.
      ...(typeof body !== 'string' && { duplex: 'half' }),
    });
    expect(response.status).toBe(415);
    expect(response.headers.get('accept')).toBe('application/json');
    expect(await response.json()).toMatchObject({
      code: 'GW_ERR_UNSUPPORTED_MEDIA_TYPE',
      detail: expect.stringContaining('application/json') as string,
    });
    expect(asked).toEqual([]);
  });

  it('needs a key that may write', async () => {
    expect((await ask('POST', '/c1/tags', { name: 'a' }, 'reads')).status).toBe(403);
    expect(asked).toEqual([]);
  });
});
