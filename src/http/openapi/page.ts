import { z } from 'zod';
import type { Operation } from './operation.js';

export const pageOperations: Operation[] = [
  {
    method: 'get',
    path: '/docs',
    summary: 'This interface for people',
    scope: 'public',
    answers: { 200: { description: 'A page', type: 'text/html' } },
  },
  {
    method: 'get',
    path: '/openapi.json',
    summary: 'This interface for programs',
    scope: 'public',
    answers: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) } },
  },
];
