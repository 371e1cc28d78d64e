import { z } from 'zod';
import { address, durationOf, host, id, peerPort, port } from '../words.js';

/** `engines`: drachtio and FreeSWITCH, or the stand-ins. */

export const engines = z.strictObject({
  /** `real`: drachtio-server and FreeSWITCH at the addresses given. `sandbox`: stand-ins started with the gateway. */
  mode: z.enum(['real', 'sandbox']).default('real'),
  drachtio: z
    .strictObject({ host: host.default('127.0.0.1'), port: peerPort.default(9022), secret: z.string().min(1) })
    .optional(),
  freeswitch: z
    .array(
      z.strictObject({
        /** Address and port of the event socket. */
        host: host.default('127.0.0.1'),
        port: peerPort.default(8021),
        secret: z.string().min(1),
        /** Our address as FreeSWITCH can dial it back for announcements (outbound event socket). */
        callbackAddress: host.default('127.0.0.1'),
        /** Where FreeSWITCH's dial-back INVITE comes from, when that is not the address of its profile. */
        sipAddress: address.optional(),
        /** Name of the sofia profile. */
        profile: id.default('calltrack'),
      }),
    )
    .default([]),
  sandbox: z
    .strictObject({
      /** Where the stand-in takes SIP, over both transports. */
      sip: z
        .string()
        .regex(/^udp\+tcp:\/\/[\w.-]+:\d{1,5}$/, { error: 'like "udp+tcp://127.0.0.1:5060"', abort: true })
        .refine((text) => Number(text.split(':')[2]) <= 65_535, 'like "udp+tcp://127.0.0.1:5060"; ports end at 65535')
        .default('udp+tcp://127.0.0.1:5060'),
      /** Where it takes SIP over TLS, at the same address, with key and certificate in PEM; without it not at all. */
      tls: z
        .strictObject({ port: port.default(5061), keyFile: z.string().min(1), certFile: z.string().min(1) })
        .optional(),
    })
    .prefault({}),
  /** How long an engine may take over one step of setting a call up before it counts as failed. */
  setupTimeout: durationOf('5s', 60_000, '60s'),
  /** Calls in progress at which new ones get 503 with Retry-After. */
  maxCalls: z.int().min(1).default(500),
  /** New calls per second above which a new call gets 503 with Retry-After. */
  maxCallsPerSecond: z.int().min(1).default(30),
});
