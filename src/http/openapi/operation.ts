import { z } from 'zod';
import type { Scope } from '../../config/schema.js';
import type { ErrorCode } from '../../lib/errors.js';

/** One method of one path, as the OpenAPI document and the page at `/docs` tell it. */
export interface Operation {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/v1/calls/{id}`. */
  path: string;
  summary: string;
  description?: string;
  /** What the key must be allowed; null: any key; `public`: no key at all. */
  scope: Scope | null | 'public';
  /** What the parts of the path in braces are. */
  parameters?: Record<string, string>;
  /** The same schema that the router reads the query with, where it reads it with one. */
  query?: z.ZodObject;
  headers?: Record<string, string>;
  body?: Body;
  answers: Record<number, Answer>;
  /** Beside those that follow from key, query and body. */
  errors?: ErrorCode[];
}

/** JSON. May be left out where `schema` takes an empty object, as `readBody` does. */
interface Body {
  schema: z.ZodType;
  example?: unknown;
  /** Texts that may be sent in its place: an example of each, by type. */
  texts?: Record<string, string>;
}

export interface Answer {
  description: string;
  schema?: z.ZodType;
  /** Of a text, or of bytes; JSON has a schema in its place. */
  type?: string;
  example?: unknown;
}

export const ok = (description: string, schema: z.ZodType, example?: unknown): Record<number, Answer> => ({
  200: { description, schema, ...(example === undefined ? {} : { example }) },
});

export const time = z.iso.datetime({ offset: true });
export const count = z.int().min(0);
