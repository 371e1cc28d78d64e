import { readFile } from 'node:fs/promises';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { CALL_EVENT_TYPES, OPERATIONAL_EVENT_TYPES } from '../../src/call/event-types.js';
import { eventSchema } from '../../src/events/catalogue.js';
import { exampleEvent } from '../../src/events/examples.js';
import { eventJsonSchema } from '../../src/events/json-schema.js';
import { validator } from '../support/json-schemas.js';

const TYPES = [...CALL_EVENT_TYPES, ...OPERATIONAL_EVENT_TYPES];

describe('the published schemas', () => {
  it.each(TYPES)('%s: its example is right by JSON Schema and by the code', (type) => {
    const event = exampleEvent(type);
    expect(validator(eventJsonSchema(type))(event)).toEqual([]);
    expect(eventSchema(type).parse(event)).toEqual(event);
  });

  it('refuse what the code refuses', () => {
    const completed = exampleEvent('call.completed');
    const check = validator(eventJsonSchema('call.missed'));
    expect(check({ ...completed, type: 'call.missed' }).map(({ instancePath }) => instancePath)).toContain(
      '/data/call/disposition',
    );
    expect(validator(eventJsonSchema('recording.ready'))(exampleEvent('recording.failed'))).not.toEqual([]);
    expect(validator(eventJsonSchema('call.received'))({ ...exampleEvent('call.received'), id: '1' })).not.toEqual([]);
  });

  it('take fields that a later version adds', () => {
    const event = structuredClone(exampleEvent('call.missed')) as unknown as { data: { call: object }; more?: number };
    Object.assign(event, { more: 1 });
    Object.assign(event.data.call, { more: 1 });
    expect(validator(eventJsonSchema('call.missed'))(event)).toEqual([]);
  });
});

describe('events.d.ts', () => {
  it('compiles by itself and tells types apart', async () => {
    const declarations = await readFile('docs/events/events.d.ts', 'utf8');
    const consumer = `
      import type { GatewayEvent } from './events.js';
      export function lost(event: GatewayEvent): string | null {
        if (event.type === 'call.missed') return event.data.call.lossReason + event.data.call.endedAt.slice(0, 10);
        if (event.type === 'pool.low') return String(event.data.free);
        // @ts-expect-error: an event of a trunk has no call
        if (event.type === 'trunk.down') return event.data.call.id;
        return null;
      }`;
    expect(diagnose({ '/events.d.ts': declarations, '/consumer.ts': consumer })).toEqual([]);
  });
});

/** What the compiler says of these files. */
function diagnose(files: Record<string, string>): string[] {
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    types: [],
  };
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    getSourceFile: (name, target) => {
      const own = files[name];
      return own === undefined ? disk.getSourceFile(name, target) : ts.createSourceFile(name, own, target);
    },
    fileExists: (name) => name in files || disk.fileExists(name),
    readFile: (name) => files[name] ?? disk.readFile(name),
  };
  const program = ts.createProgram(Object.keys(files), options, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
