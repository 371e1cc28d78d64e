// A receiver in TypeScript: verifies with the Standard Webhooks library, takes each event once, keeps calls up to date.
// Run: WEBHOOK_SECRET=whsec_… PORT=3000 npx tsx examples/receivers/receiver.ts
import { createServer, type IncomingMessage } from 'node:http';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
// In your own project: import type { Call, GatewayEvent } from 'calltrack-gateway/events';
import type { Call, GatewayEvent } from '../../docs/events/events.js';

// While a secret is being replaced, accept both: WEBHOOK_SECRET="whsec_new whsec_old".
const secrets = (process.env['WEBHOOK_SECRET'] ?? '').split(' ').map((secret) => new Webhook(secret));
// Your database in the place of these two. Keep ids for as long as we retry: three days and a bit.
const seen = new Set<string>();
const calls = new Map<string, { sequence: number; state: string }>();

function take(event: GatewayEvent): void {
  if (seen.has(event.id)) return; // at least once means sometimes twice
  console.log(event.type);
  if ('sequence' in event) update(event.data.call, event.sequence); // trunk.down, capacity.high …: nothing of a call
  seen.add(event.id); // last, or in one transaction: what fails before this comes again
}

function update(call: Call, sequence: number): void {
  // Each event carries the whole call: one that comes late says nothing new.
  if ((calls.get(call.id)?.sequence ?? 0) >= sequence) return;
  calls.set(call.id, { sequence, state: call.disposition ?? 'in progress' });
}

const server = createServer((request, response) => {
  receive(request).then(
    (status) => response.writeHead(status).end(),
    () => response.writeHead(500).end(), // we ask again
  );
});

async function receive(request: IncomingMessage): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const event = verify(Buffer.concat(chunks).toString('utf8'), request.headers as Record<string, string>);
  if (event === null) return 401;
  take(event); // answer within 15 s: what takes longer belongs into a queue of yours
  return 204;
}

/** The body exactly as it came: parsing and printing it again changes its signature. */
function verify(body: string, headers: Record<string, string>): GatewayEvent | null {
  for (const secret of secrets) {
    try {
      return secret.verify(body, headers) as GatewayEvent;
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
    }
  }
  return null;
}

server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  console.log(`listening on ${JSON.stringify(server.address())}`);
});
process.on('SIGTERM', () => {
  console.log(JSON.stringify(Object.fromEntries(calls)));
  process.exit(0);
});
