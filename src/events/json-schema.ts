import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { EventType } from '../call/event-types.js';
import { callSchema, eventSchema } from './catalogue.js';

/** As much of JSON Schema (draft 2020-12) as our schemas become. */
export interface JsonSchema {
  $schema?: string;
  $id?: string;
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  title?: string;
  description?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
  [keyword: string]: unknown;
}

/**
 * A zod schema as JSON Schema; schemas with an id stand in `$defs`. What we send may grow, so no object forbids further
 * fields; `format` says what zod's pattern for times says in 400 characters.
 *
 * @param io `input`: as a client writes it, before defaults and conversions
 */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output' = 'output'): JsonSchema {
  const json = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      if (io === 'output' && jsonSchema.type === 'object' && typeof jsonSchema.additionalProperties !== 'object')
        delete jsonSchema.additionalProperties;
      if (isDeepStrictEqual(jsonSchema.additionalProperties, {})) delete jsonSchema.additionalProperties;
      if (jsonSchema.format !== undefined || jsonSchema.type === 'integer') delete jsonSchema.pattern;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  }) as JsonSchema;
  delete json.$schema;
  return json;
}

/**
 * What one type of event is as sent: a document of its own, without references to others. The call of an event is the
 * common `Call` and, beside it, what this type promises beyond that.
 */
export function eventJsonSchema(type: EventType): JsonSchema {
  const { $defs, ...event } = jsonSchemaOf(eventSchema(type));
  const defs = { ...jsonSchemaOf(callSchema).$defs, ...$defs };
  const data = event.properties?.['data'];
  if (data?.properties?.['call']) data.properties['call'] = asCall(data.properties['call'], defs);
  const used = data?.properties?.['call'] ? { $defs: defs } : {};
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: type, ...event, ...used };
}

/** A schema that extends `Call` as a reference and its differences. */
function asCall(schema: JsonSchema, defs: Record<string, JsonSchema>): JsonSchema {
  const common = { $ref: '#/$defs/Call' };
  if (schema.$ref !== undefined) return common;
  const own = differences(schema, defs['Call'] ?? {});
  const { recording } = own;
  if (recording?.properties) own['recording'] = { properties: differences(recording, defs['Recording'] ?? {}) };
  return { allOf: [common, { type: 'object', properties: own }] };
}

function differences(schema: JsonSchema, base: JsonSchema): Record<string, JsonSchema> {
  const entries = Object.entries(schema.properties ?? {});
  return Object.fromEntries(entries.filter(([name, value]) => !isDeepStrictEqual(value, base.properties?.[name])));
}
