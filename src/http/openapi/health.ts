import { z } from 'zod';
import type { Readiness } from '../ports.js';
import { ok, type Operation } from './operation.js';

const readiness = z
  .object({
    ready: z.boolean(),
    checks: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string().optional() })),
  })
  .meta({ id: 'Readiness' }) satisfies z.ZodType<Readiness>;

export const healthOperations: Operation[] = [
  {
    method: 'get',
    path: '/healthz',
    summary: 'Whether the process lives',
    scope: 'public',
    answers: ok('It does', z.object({ status: z.literal('ok') }), { status: 'ok' }),
  },
  {
    method: 'get',
    path: '/readyz',
    summary: 'Whether new calls can be taken',
    scope: 'public',
    answers: ok('They can', readiness, { ready: true, checks: { redis: { ok: true }, drachtio: { ok: true } } }),
    errors: ['GW_ERR_NOT_READY'],
  },
  {
    method: 'get',
    path: '/metrics',
    summary: 'Metrics for Prometheus',
    scope: 'public',
    answers: { 200: { description: 'Text exposition format', type: 'text/plain' } },
  },
];
