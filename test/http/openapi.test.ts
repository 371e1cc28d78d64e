import { createHash } from 'node:crypto';
import { Validator } from '@seriousme/openapi-schema-validator';
import express from 'express';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { SCOPES } from '../../src/config/parts/access.js';
import { eventSchema } from '../../src/events/catalogue.js';
import type { JsonSchema } from '../../src/events/json-schema.js';
import type { EventType } from '../../src/call/event-types.js';
import { openApiDocument, type Content, type DescribedOperation } from '../../src/http/openapi/document.js';
import { createHttpServer } from '../../src/http/server.js';
import { GatewayMetrics } from '../../src/observability/metrics.js';
import { validatorIn } from '../support/json-schemas.js';
import { accessKey, serve } from '../support/http.js';
import { httpOptions } from '../support/no-resources.js';

interface Layer {
  route?: { path: string; methods: Record<string, boolean>; stack: { method?: string }[] };
}

/** Every method and path that the server answers to, from the routers themselves. */
function servedRoutes(): string[] {
  const mounted = vi.spyOn(express.application, 'use');
  createHttpServer({ ...httpOptions(), metrics: new GatewayMetrics(), logger: pino({ level: 'silent' }) });
  const uses = mounted.mock.calls as unknown[][];
  mounted.mockRestore();
  const found = uses.flatMap((args) => {
    const prefix = typeof args[0] === 'string' ? args[0] : '';
    return args.flatMap((handler) => {
      const stack = (handler as { stack?: Layer[] }).stack ?? [];
      return stack.flatMap(({ route }) => (route ? methodsOf(route, prefix) : []));
    });
  });
  return [...new Set(found)].toSorted();
}

function methodsOf({ path, stack }: NonNullable<Layer['route']>, prefix: string): string[] {
  const methods = new Set(stack.flatMap(({ method }) => (method === undefined ? [] : [method])));
  const whole = `${prefix}${path === '/' && prefix !== '' ? '' : path}`.replace(/:(\w+)/g, '{$1}');
  return [...methods].map((method) => `${method} ${whole}`);
}

const operations = (): [string, DescribedOperation][] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, DescribedOperation] => [
      `${method} ${path}`,
      operation,
    ]),
  );

/** Made once: it takes a while. */
const document = openApiDocument();
const inDocument = validatorIn({ components: { schemas: document.components.schemas } });

describe('the OpenAPI document', () => {
  it('is OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(document);
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
  });

  it('describes every route there is, and none that is not', () => {
    const described = operations().map(([name]) => name);
    const served = servedRoutes();
    expect(served.length).toBeGreaterThan(15);
    expect(
      served.filter((route) => !described.includes(route)),
      'routes without a description in src/http/openapi/',
    ).toEqual([]);
    expect(
      described.filter((route) => !served.includes(route)),
      'descriptions of routes that are gone',
    ).toEqual([]);
  });

  it('names each operation once', () => {
    const ids = operations().map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('gives examples that fit their schemas', () => {
    const examples = operations().flatMap(([name, { requestBody, responses }]) =>
      [requestBody, ...Object.values(responses)]
        .flatMap((part): Content[] => Object.values(part?.content ?? {}))
        .filter(({ example }) => example !== undefined)
        .map((content) => ({ name, content })),
    );
    expect(examples.length).toBeGreaterThan(8);
    for (const { name, content } of examples) expect(inDocument(content.schema, content.example), name).toEqual([]);
  });

  it('says of every answer with something in it what that is', () => {
    for (const [name, { responses }] of operations())
      for (const status of ['200', '201', '202', '206'])
        if (responses[status]) expect(responses[status].content, `${name}: ${status}`).toBeDefined();
    const types = (path: string) => Object.keys(document.paths[path]?.['get']?.responses['200']?.content ?? {});
    expect(types('/v1/calls.csv')).toEqual(['text/csv']);
    expect(types('/dni.js')).toEqual(['text/javascript']);
  });

  it('says which bodies may be left out, and what may be sent in the place of JSON', () => {
    const body = (method: string, path: string) => document.paths[path]?.[method]?.requestBody;
    expect(body('post', '/v1/calls/{id}/handled')?.required).toBe(false);
    expect(body('patch', '/v1/leases/{id}')?.required).toBe(false);
    expect(body('post', '/v1/calls/{id}/tags')?.required).toBe(true);
    expect(Object.keys(body('post', '/v1/numbers/import')?.content ?? {})).toEqual(['application/json', 'text/csv']);
  });

  it('has a webhook for each event, with an example that is right', () => {
    for (const [type, { post }] of Object.entries(document.webhooks)) {
      const content = post.requestBody?.content['application/json'];
      expect(inDocument(content?.schema ?? {}, content?.example), type).toEqual([]);
      expect(eventSchema(type as EventType).safeParse(content?.example).success, type).toBe(true);
    }
  });
});

describe('what is served', () => {
  function start(): Promise<string> {
    return serve({
      keys: () => [accessKey('all', 'all', SCOPES), accessKey('idle', 'idle', [])],
    });
  }

  it('/openapi.json is the document, without a key', async () => {
    const answer = await fetch(`${await start()}/openapi.json`);
    expect(await answer.json()).toEqual(JSON.parse(JSON.stringify(document)));
  });

  it('answers what is wrong with a request by a status that the document lists', async () => {
    const url = await start();
    const check = async ([name, { parameters = [], requestBody, responses, security }]: [
      string,
      DescribedOperation,
    ]) => {
      const [method = '', path = ''] = name.split(' ');
      const ask = async (key: string, body?: string, query = '', type = 'application/json') => {
        const answer = await fetch(`${url}${path.replace(/\{\w+\}/g, 'zz')}${query}`, {
          method: method.toUpperCase(),
          headers: { authorization: `Bearer ${key}`, 'content-type': type },
          ...(body && { body }),
        });
        await answer.body?.cancel();
        expect(Object.keys(responses), `${name} answers ${answer.status}`).toContain(String(answer.status));
      };
      const body = requestBody && JSON.stringify(requestBody.content['application/json']?.example);
      await ask('all', body);
      if (!security) await ask('none', body);
      if (!security) await ask('idle', body);
      if (parameters.some((one) => one.in === 'query')) await ask('all', body, '?format=x&points=x&odd=x');
      if (!requestBody) return;
      await ask('all', '{"odd": 1}');
      await ask('all', 'odd', '', 'text/x-odd');
      await ask('all', JSON.stringify({ odd: 'x'.repeat(70_000) }));
    };
    await Promise.all(operations().map(check));
  });

  // A mistyped site must not be taken for one without calls, numbers or callers who wait.
  it('refuses a site that is none, wherever one may be named', async () => {
    const url = await start();
    const named = (schema: JsonSchema | undefined) => schema?.properties?.['site'] !== undefined;
    const asked: string[] = [];
    for (const [name, { parameters = [], requestBody }] of operations()) {
      const body = requestBody?.content['application/json'];
      const inQuery = parameters.some((one) => one.in === 'query' && one.name === 'site');
      if (!inQuery && !named(body?.schema)) continue;
      asked.push(name);
      const [method = '', path = ''] = name.split(' ');
      const query = `?site=none${path === '/v1/leases' ? '&session=s' : ''}`;
      const answer = await fetch(`${url}${path}${inQuery ? query : ''}`, {
        method: method.toUpperCase(),
        headers: { authorization: 'Bearer all', 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify({ ...(body.example as object), ...(!inQuery && { site: 'none' }) }) }),
      });
      expect([name, answer.status, await answer.text()]).toEqual([name, 400, expect.stringContaining('site')]);
    }
    expect(asked).toEqual(expect.arrayContaining(['get /v1/calls', 'post /v1/callbacks', 'get /v1/reports/lost']));
  });

  it('calls a number of a query a number, and takes what the document allows, no more', async () => {
    const url = await start();
    const asked: string[] = [];
    for (const [name, { parameters = [] }] of operations())
      for (const { name: parameter, schema } of parameters) {
        if (schema.type !== 'integer') continue;
        const [minimum, maximum] = [Number(schema['minimum']), Number(schema['maximum'])];
        asked.push(`${name} ${parameter}`);
        const ask = async (value: string) =>
          (
            await fetch(`${url}${name.split(' ')[1]}?${parameter}=${value}`, {
              headers: { authorization: 'Bearer all' },
            })
          ).text();
        const refusal = `"${parameter}\\": a whole number from ${minimum} to ${maximum}`;
        for (const wrong of [minimum - 1, maximum + 1, '1.5', '0x10', '1e2', '', 'x'])
          expect(await ask(String(wrong)), `${name} ${parameter}=${wrong}`).toContain(refusal);
        // The longest wait would be waited for.
        for (const right of parameter === 'wait' ? [minimum] : [minimum, maximum])
          expect(await ask(String(right)), `${name} ${parameter}=${right}`).not.toContain(refusal);
      }
    expect(asked).toEqual(
      expect.arrayContaining(['get /v1/calls limit', 'get /v1/events wait', 'get /v1/recordings/{id}/peaks points']),
    );
  });

  it('/docs is one page without script that its own policy lets through', async () => {
    const answer = await fetch(`${await start()}/docs`);
    const page = await answer.text();
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
    expect(page).not.toMatch(/<script|\sstyle=|\son\w+=|src=|url\(|@import/i);
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? [];
    const digest = createHash('sha256').update(style).digest('base64');
    expect(answer.headers.get('content-security-policy')).toContain(`style-src 'sha256-${digest}'`);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    for (const [name] of operations()) expect(page, name).toContain(`<code>${name.split(' ')[1] ?? ''}</code>`);
    for (const type of Object.keys(document.webhooks)) expect(page, type).toContain(`id="${type}"`);
  });
});
