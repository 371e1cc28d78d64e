import type { JsonSchema } from './json-schema.js';

/** A JSON Schema as a TypeScript type: for the declarations that consumers get, and for people on the page. */
export function typeText(schema: JsonSchema, indent = ''): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.enum) return schema.enum.map(literal).join(' | ');
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return options.map((one) => typeText(one, indent)).join(' | ');
  if (schema.allOf) return schema.allOf.map((one) => typeText(one, indent)).join(' & ');
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeText({ ...schema, type }, indent)).join(' | ');
  if (schema.type === 'array') return `Array<${typeText(schema.items ?? {}, indent)}>`;
  if (schema.properties) return objectText(schema, indent);
  if (typeof schema.additionalProperties === 'object')
    return `Record<string, ${typeText(schema.additionalProperties, indent)}>`;
  return PLAIN[String(schema.type)] ?? 'unknown';
}

const PLAIN: Record<string, string> = {
  string: 'string',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  null: 'null',
  object: 'Record<string, unknown>',
};

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "\\'")}'` : JSON.stringify(value);
}

function objectText({ properties = {}, required = Object.keys(properties) }: JsonSchema, indent: string): string {
  const inner = `${indent}  `;
  const lines = Object.entries(properties).map(([name, value]) => {
    const comment = value.description === undefined ? '' : `${inner}/** ${value.description} */\n`;
    const key = /^\w+$/.test(name) ? name : literal(name);
    return `${comment}${inner}${key}${required.includes(name) ? '' : '?'}: ${typeText(value, inner)};`;
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}
