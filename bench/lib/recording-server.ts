import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { copyFile, mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import express from 'express';
import { pino } from 'pino';
import { authenticate } from '../../src/http/auth.js';
import { recordingsRouter } from '../../src/http/recordings.js';
import { RecordingArchive } from '../../src/recordings/archive.js';
import { KeyRing } from '../../src/recordings/crypto/envelope.js';
import { RecordingSettler } from '../../src/recordings/settler.js';
import { DiskStore } from '../../src/recordings/storage/disk.js';
import { Vault } from '../../src/recordings/vault.js';
import { RedisAudit } from '../../src/redis/audit.js';
import { RedisLink } from '../../src/redis/connection.js';
import { Keys } from '../../src/redis/keys.js';
import { RedisRecordings } from '../../src/redis/recordings.js';
import { exampleCall } from '../../test/redis/examples.js';

/** Serves one recording as the gateway does: key, call, deletion and manifest looked up, the audit log written. */
export interface Served {
  url: string;
}
export const KEY = 'key-of-the-benchmark';

const never = () => Promise.reject(new Error('not asked for here'));

async function serve([wav = '', kind = '', redisUrl = '']: string[]): Promise<Served> {
  const folder = await mkdtemp(join(dirname(wav), 'ours-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const link = new RedisLink({ url: redisUrl });
  await link.waitUntilReady(5000);
  const keys = new Keys(`${kind}:`);
  const facts = new RedisRecordings(link, keys);
  const audit = new RedisAudit(link, keys, () => ({ retention: 86_400_000, lines: 1000 }));
  const ring = kind === 'encrypted' ? new KeyRing([{ id: 'k', secret: Buffer.alloc(32, 1).toString('base64') }]) : null;
  const vault = new Vault({ local: new DiskStore(join(folder, 'kept')), remote: null, keys: ring });
  const spool = join(folder, 'spool');
  const logger = pino({ level: 'silent' });
  const settler = new RecordingSettler({ spool, vault, disk: { low: false }, onKept: () => Promise.resolve(), logger });
  await settler.prepare();
  const call = exampleCall({ answeredAt: new Date().toISOString(), endedAt: new Date().toISOString() });
  await copyFile(wav, join(spool, `${call.id}.wav`));
  call.recording = await settler.settle(call, true);
  const archive = new RecordingArchive({
    vault,
    worker: { drop: never },
    facts,
    calls: { get: (id) => Promise.resolve(id === call.id ? call : null) },
    teller: { deleted: never },
    audit: { write: never },
  });
  const links = { linkSecret: never, linkSecretOf: never, useLink: never, linkHolder: never };
  const app = express();
  const hash = createHash('sha256').update(KEY).digest('hex');
  app.use(
    '/v1/recordings',
    authenticate(
      () => [{ name: 'bench', hash, scopes: ['recordings:read'] }],
      () => [],
    ),
  );
  app.use('/v1/recordings', recordingsRouter({ archive, audit, links, maxLinkExpiry: () => 0, publicUrl: () => '' }));
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/v1/recordings/${call.id}` };
}

// Imported for its types and key it serves nothing.
if (process.send && process.argv[2] !== undefined) process.send(await serve(process.argv.slice(2)));
