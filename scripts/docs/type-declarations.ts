import { CALL_EVENT_TYPES, OPERATIONAL_EVENT_TYPES, type EventType } from '../../src/call/event-types.js';
import { EVENT_DESCRIPTIONS } from '../../src/events/descriptions.js';
import { eventJsonSchema } from '../../src/events/json-schema.js';
import { typeText } from '../../src/events/type-text.js';
import { schemaName } from '../../src/http/openapi/document.js';

/** `docs/events/events.d.ts`: what consumers get from `calltrack-gateway/events`, without any other file. */
export function typeDeclarations(): string {
  const types: readonly EventType[] = [...CALL_EVENT_TYPES, ...OPERATIONAL_EVENT_TYPES];
  const shared = eventJsonSchema('call.received').$defs ?? {};
  const union = (of: readonly EventType[]) => of.map((type) => `${schemaName(type)}Event`).join(' | ');
  const list = (of: readonly EventType[]) => `readonly [${of.map((type) => `'${type}'`).join(', ')}]`;
  return [
    '// Written by `npm run docs:generate`; do not edit it here.',
    ...Object.entries(shared).map(([name, schema]) => {
      const comment = schema.description === undefined ? '' : `/** ${schema.description} */\n`;
      return `${comment}export interface ${name} ${typeText(schema)}`;
    }),
    ...types.map((type) => {
      const comment = `/** ${EVENT_DESCRIPTIONS[type]} */\n`;
      return `${comment}export interface ${schemaName(type)}Event ${typeText(eventJsonSchema(type))}`;
    }),
    `export type CallEvent = ${union(CALL_EVENT_TYPES)};`,
    `export type OperationalEvent = ${union(OPERATIONAL_EVENT_TYPES)};`,
    '/** Tell them apart by `type`; types that you do not know may come with a later version. */',
    'export type GatewayEvent = CallEvent | OperationalEvent;',
    `export declare const CALL_EVENT_TYPES: ${list(CALL_EVENT_TYPES)};`,
    `export declare const OPERATIONAL_EVENT_TYPES: ${list(OPERATIONAL_EVENT_TYPES)};`,
  ].join('\n\n');
}
