import { format, resolveConfig } from 'prettier';
import { CALL_EVENT_TYPES, OPERATIONAL_EVENT_TYPES, type EventType } from '../../src/call/event-types.js';
import { EVENT_DESCRIPTIONS } from '../../src/events/descriptions.js';
import { exampleEvent } from '../../src/events/examples.js';
import { eventJsonSchema } from '../../src/events/json-schema.js';
import { openApiDocument } from '../../src/http/openapi/document.js';
import { typeDeclarations } from './type-declarations.js';

/** Folders that hold nothing but generated files. */
export const GENERATED_FOLDERS = ['docs/events/schemas', 'docs/events/examples'];

const TYPES: readonly EventType[] = [...CALL_EVENT_TYPES, ...OPERATIONAL_EVENT_TYPES];

/** Every document that follows from the code: path → text. */
export async function generatedDocuments(): Promise<Map<string, string>> {
  const documents = new Map<string, string>([
    ['docs/openapi.json', JSON.stringify(openApiDocument())],
    ['docs/events/events.d.ts', typeDeclarations()],
    ['docs/events.md', eventsPage()],
    ...TYPES.flatMap((type): [string, string][] => [
      [`docs/events/schemas/${type}.json`, JSON.stringify(eventJsonSchema(type))],
      [`docs/events/examples/${type}.json`, JSON.stringify(exampleEvent(type))],
    ]),
  ]);
  for (const [path, text] of documents) documents.set(path, await asPrettierHasIt(path, text));
  return documents;
}

async function asPrettierHasIt(path: string, text: string): Promise<string> {
  if (path.endsWith('.md')) return text;
  return format(text, { ...(await resolveConfig(path)), filepath: path });
}

function eventsPage(): string {
  const rows = (types: readonly EventType[]) =>
    types
      .map((type) => {
        const links = `[schema](events/schemas/${type}.json), [example](events/examples/${type}.json)`;
        return `| \`${type}\` | ${EVENT_DESCRIPTIONS[type]} | ${links} |`;
      })
      .join('\n');
  return `# Events

Written by \`npm run docs:generate\` from the schemas in \`src/events/catalogue.ts\`; do not edit it here. How to receive
events, in what order they come and what to do when one is missed: [consumers.md](consumers.md).

The same body goes to webhooks, stands in the feed (\`GET /v1/events\`) and in the live feed (\`GET /v1/calls/live\`):
\`id\`, \`type\`, \`timestamp\`, for events of a call \`sequence\` (1, 2, 3 … within the call), and \`data\`. Fields may be
added; none changes its meaning. TypeScript: \`import type { GatewayEvent } from 'calltrack-gateway/events'\`, or copy
[events.d.ts](events/events.d.ts), which needs nothing else.

## Of a call

\`data.call\` is the whole call as known at that moment. A call ends with exactly one of \`call.completed\`,
\`call.missed\` and \`call.rejected\`.

| type | when | |
| --- | --- | --- |
${rows(CALL_EVENT_TYPES)}

## Of the gateway

They belong to no call and have no \`sequence\`; those of one trunk, line, limit or site come in order.

| type | when | |
| --- | --- | --- |
${rows(OPERATIONAL_EVENT_TYPES)}

## To try a receiver

\`webhook.test\` is what \`POST /v1/webhooks/:id/test\` and \`calltrack webhooks test\` send: \`id\`, \`type\`, \`timestamp\` and
\`data: { "endpoint": "crm" }\`, signed as any other. It stands in no feed, needs no subscription and has no schema: answer 2xx
and forget it.
`;
}
