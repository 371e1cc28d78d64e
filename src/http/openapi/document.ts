import { z } from 'zod';
import { CALL_EVENT_TYPES, OPERATIONAL_EVENT_TYPES, type EventType } from '../../call/event-types.js';
import { EVENT_DESCRIPTIONS } from '../../events/descriptions.js';
import { exampleEvent } from '../../events/examples.js';
import { eventJsonSchema, jsonSchemaOf, type JsonSchema } from '../../events/json-schema.js';
import { ERROR_CODES, type ErrorCode } from '../../lib/errors.js';
import { PROBLEM_TYPE } from '../problem.js';
import type { Answer, Operation } from './operation.js';
import { OPERATIONS } from './operations.js';

type Json = Record<string, unknown>;

const JSON_TYPE = 'application/json';
/** Whatever is not JSON. */
const TEXT: JsonSchema = { type: 'string' };

export interface OpenApiDocument {
  openapi: '3.1.0';
  info: Json & { title: string; version: string };
  tags: { name: string }[];
  paths: Record<string, Record<string, DescribedOperation>>;
  webhooks: Record<string, { post: DescribedOperation }>;
  components: { schemas: Record<string, JsonSchema>; securitySchemes: Json };
  [key: string]: unknown;
}

/** OpenAPI's operation object, as much of it as we use. */
export interface DescribedOperation {
  operationId?: string;
  tags: string[];
  summary: string;
  description?: string;
  security?: unknown[];
  'x-scope'?: string;
  parameters?: Parameter[];
  requestBody?: { required: boolean; content: Record<string, Content> };
  responses: Record<string, DescribedAnswer>;
}

export interface DescribedAnswer {
  description: string;
  content?: Record<string, Content>;
}

export interface Content {
  schema: JsonSchema;
  example?: unknown;
}

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  description?: string;
  schema: JsonSchema;
}

/** The whole HTTP interface and all webhooks as OpenAPI 3.1. */
export function openApiDocument(operations: readonly Operation[] = OPERATIONS): OpenApiDocument {
  const schemas = new Schemas();
  schemas.add(problem);
  const paths: OpenApiDocument['paths'] = {};
  for (const operation of operations) {
    (paths[operation.path] ??= {})[operation.method] = describeOperation(operation, schemas);
  }
  const types = [...CALL_EVENT_TYPES, ...OPERATIONAL_EVENT_TYPES];
  const webhooks = Object.fromEntries(types.map((type) => [type, { post: describeWebhook(type, schemas) }]));
  return {
    openapi: '3.1.0',
    info: {
      title: 'calltrack-gateway',
      version: 'v1',
      description:
        'Calls, events and what they go through. Errors are problem documents (RFC 9457). Every request under `/v1` needs a key: `Authorization: Bearer <key>`. ' +
        'A `site` that is asked for must be one of the configuration, and of those that the key sees; otherwise the answer is 400. ' +
        'Not listed with each request, since none is safe from them: 405, 408, 414, 431 and 500.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    tags: [...new Set(operations.map(({ path }) => tagOf(path)))].map((name) => ({ name })),
    paths,
    webhooks,
    components: {
      schemas: schemas.all(),
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'A key of `access.keys`' } },
    },
  };
}

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
    detail: z.string().optional(),
    requestId: z.string().describe('Stands in the log as well'),
    next: z.string().optional().describe('Of a cursor that is gone or unknown (410, 409): where to go on, as `after`'),
    lost: z
      .object({
        events: z.int().nullable().describe('null where that cannot be known'),
        from: z.iso.datetime().nullable(),
        to: z.iso.datetime().nullable(),
      })
      .optional()
      .describe('Likewise: what is gone'),
    errors: z
      .array(z.looseObject({ message: z.string() }))
      .optional()
      .describe('Of a configuration (with `file`, `line`, `column`, `key`) or an import (with `row`, `field`)'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457; docs/errors.md says what to do about each code.' });

/** Collects the named schemas of everything that is described. */
class Schemas {
  readonly #named = new Map<string, JsonSchema>();

  add(schema: z.ZodType, io: 'input' | 'output' = 'output'): JsonSchema {
    return this.take(jsonSchemaOf(schema, io));
  }

  /** Moves `$defs` to the components. */
  take({ $defs = {}, ...schema }: JsonSchema): JsonSchema {
    for (const [name, definition] of Object.entries($defs)) this.#named.set(name, atComponents(definition));
    return atComponents(schema);
  }

  name(name: string, schema: JsonSchema): JsonSchema {
    this.#named.set(name, schema);
    return { $ref: `#/components/schemas/${name}` };
  }

  all(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#named].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function atComponents<T>(value: T): T {
  const text = JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/');
  return JSON.parse(text) as T;
}

function describeOperation(operation: Operation, schemas: Schemas): DescribedOperation {
  const { method, path, summary, description, scope, body } = operation;
  const parameters = [
    ...pathParameters(operation),
    ...queryParameters(operation, schemas),
    ...headerParameters(operation),
  ];
  return {
    operationId: operationId(method, path),
    tags: [tagOf(path)],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(scope === 'public' ? { security: [] } : {}),
    ...(scope === null || scope === 'public' ? {} : { 'x-scope': scope }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body && { requestBody: describeBody(body, schemas) }),
    responses: { ...answersOf(operation, schemas), ...errorsOf(operation) },
  };
}

function describeBody(
  { schema, example, texts = {} }: NonNullable<Operation['body']>,
  schemas: Schemas,
): NonNullable<DescribedOperation['requestBody']> {
  const asText = Object.entries(texts).map(([type, text]): [string, Content] => [type, content(TEXT, text)]);
  return {
    required: !schema.safeParse({}).success,
    content: { [JSON_TYPE]: content(schemas.add(schema, 'input'), example), ...Object.fromEntries(asText) },
  };
}

const tagOf = (path: string): string => (path.startsWith('/v1/') ? (path.split('/')[2] ?? '') : 'gateway');

function operationId(method: string, path: string): string {
  const words = path.replace(/^\/v1\//, '').match(/[A-Za-z]+/g) ?? [];
  return [method, ...words].map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join('');
}

function pathParameters({ path, parameters = {} }: Operation): Parameter[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path' as const,
    required: true,
    ...(parameters[name] === undefined ? {} : { description: parameters[name] }),
    schema: { type: 'string' },
  }));
}

function queryParameters({ query }: Operation, schemas: Schemas): Parameter[] {
  if (!query) return [];
  const { properties = {}, required = [] } = schemas.add(query, 'input');
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query' as const,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

function headerParameters({ headers = {} }: Pick<Operation, 'headers'>): Parameter[] {
  return Object.entries(headers).map(([name, description]) => ({
    name,
    in: 'header' as const,
    description,
    schema: { type: 'string' },
  }));
}

function answersOf({ answers }: Operation, schemas: Schemas): Record<string, DescribedAnswer> {
  return Object.fromEntries(
    Object.entries(answers).map(([status, answer]) => [
      status,
      { description: answer.description, ...contentOf(answer, schemas) },
    ]),
  );
}

function contentOf({ schema, type, example }: Answer, schemas: Schemas): Pick<DescribedAnswer, 'content'> {
  if (type !== undefined) return { content: { [type]: content(TEXT, example) } };
  return schema === undefined ? {} : { content: { [JSON_TYPE]: content(schemas.add(schema), example) } };
}

const content = (schema: JsonSchema, example: unknown): Content => ({
  schema,
  ...(example === undefined ? {} : { example }),
});

/** Errors of ours by status: those that anybody can meet, and the operation's own. */
function errorsOf({ scope, query, body, parameters, errors = [] }: Operation): Record<string, DescribedAnswer> {
  const common: ErrorCode[] = [
    ...(query || body ? (['GW_ERR_BAD_REQUEST'] as const) : []),
    ...(body ? (['GW_ERR_PAYLOAD_TOO_LARGE', 'GW_ERR_UNSUPPORTED_MEDIA_TYPE'] as const) : []),
    ...(scope === 'public' ? [] : (['GW_ERR_UNAUTHORIZED'] as const)),
    ...(scope === 'public' || scope === null ? [] : (['GW_ERR_FORBIDDEN'] as const)),
    ...(parameters && errors.length === 0 ? (['GW_ERR_NOT_FOUND'] as const) : []),
    ...(scope === 'public' ? [] : (['GW_ERR_REDIS_AWAY', 'GW_ERR_DEADLINE'] as const)),
  ];
  const byStatus = groupByStatus([...new Set([...common, ...errors])]);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\``).join(', '),
        content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

function groupByStatus(codes: readonly ErrorCode[]): Map<number, ErrorCode[]> {
  const groups = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { http } = ERROR_CODES[code];
    groups.set(http, [...(groups.get(http) ?? []), code]);
  }
  return groups;
}

const WEBHOOK_HEADERS: Record<string, string> = {
  'webhook-id': 'The event: the same for every attempt and replay',
  'webhook-timestamp': 'When this attempt was made, s since the epoch',
  'webhook-signature': '`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`; several while a secret is replaced',
  'webhook-attempt': 'From 1',
};

function describeWebhook(type: EventType, schemas: Schemas): DescribedOperation {
  const schema = schemas.take(eventJsonSchema(type));
  delete schema.$schema;
  return {
    summary: EVENT_DESCRIPTIONS[type],
    tags: ['webhooks'],
    security: [],
    parameters: headerParameters({ headers: WEBHOOK_HEADERS }),
    requestBody: {
      required: true,
      content: {
        [JSON_TYPE]: { schema: schemas.name(schemaName(type), schema), example: exampleEvent(type) },
      },
    },
    responses: {
      '2XX': { description: 'Taken; it is not sent again' },
      410: { description: 'The receiver is gone for good: nothing more is sent to it' },
      default: { description: 'Tried again for three days; 429 and 503 may say when by `Retry-After`' },
    },
  };
}

/** `call.attribution.corrected` → `CallAttributionCorrected`. */
export const schemaName = (type: EventType): string =>
  type.replace(/(^|\.)([a-z])/g, (_all, _dot, letter: string) => letter.toUpperCase());
