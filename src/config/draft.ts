import { z } from 'zod';

/**
 * The configuration as far as it can be understood: whatever has the wrong shape is simply absent. So that what does
 * not fit together is found in the same run as what the schema refuses, with every list still counting as written.
 */

const text = z.string().optional().catch(undefined);
const texts = z.array(text).catch([]);
const group = <T extends z.core.$ZodLooseShape>(shape: T) =>
  z
    .object(shape)
    .partial()
    .catch(() => ({}) as never);
const list = <T extends z.ZodType>(item: T) => z.array(item).catch([]);

const gateways = z
  .string()
  .transform((uri) => [{ uri }])
  .or(list(group({ uri: text })));
const recording = group({ announce: z.unknown(), announcement: z.unknown() });

const draftSchema = z.object({
  redis: group({ url: text, sentinel: z.unknown(), cluster: list(z.unknown()) }),
  engines: group({
    mode: text,
    drachtio: z.unknown(),
    freeswitch: list(group({ host: text, port: z.number().optional().catch(undefined) })),
  }),
  trunks: list(
    group({
      id: text,
      inbound: group({
        from: texts,
        transport: text,
        srtp: text,
        numbers: group({ country: text }),
        silence: group({ during: text }).optional(),
      }).optional(),
      outbound: group({ to: gateways, srtp: text, numbers: group({ country: text }) }).optional(),
      health: z.unknown(),
    }),
  ),
  lines: list(
    group({ id: text, uri: text, srtp: text, register: group({ username: text }).optional(), health: z.unknown() }),
  ),
  destinations: list(group({ id: text, trunk: text, number: text })),
  schedules: list(group({ id: text, weekly: z.unknown(), exceptions: z.unknown() })),
  routes: list(
    group({
      id: text,
      steps: list(group({ dial: texts.optional(), announce: text, during: text, when: z.unknown() })),
      recording,
    }),
  ),
  sites: list(
    group({
      id: text,
      defaultRoute: text,
      webhooks: texts,
      recording,
      pool: group({ fallback: text }).optional(),
      snippet: group({ key: text }).optional(),
    }),
  ),
  numbers: list(group({ number: text, site: text, route: text, kind: text })),
  webhooks: list(
    group({
      id: text,
      url: text,
      secret: z.string().or(texts).optional().catch(undefined),
      events: texts,
      allowPrivate: z.unknown(),
      headers: z.unknown(),
      tls: z.unknown(),
      template: z.unknown(),
      ga4: z.unknown(),
      metrica: z.unknown(),
      amocrm: z.unknown(),
      bitrix24: z.unknown(),
    }),
  ),
  recordings: group({
    store: text,
    s3: z.unknown(),
    encryption: group({ keys: list(group({ id: text })) }).optional(),
  }),
  access: group({
    keys: list(group({ name: text, hash: text, scopes: texts, sites: texts.optional() })),
    users: list(group({ name: text, sites: texts })),
  }),
});

export type Draft = z.output<typeof draftSchema>;

export function readDraft(value: unknown): Draft {
  return draftSchema.parse(typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {});
}
