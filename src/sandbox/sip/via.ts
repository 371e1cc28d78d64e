import type { Params } from './uri.js';

export interface Via {
  /** `UDP`, `TCP` ..., upper case. */
  transport: string;
  host: string;
  port: number | undefined;
  params: Params;
}

export function parseVia(_text: string): Via | undefined {
  throw new Error('not yet');
}

export function formatVia(_via: Via): string {
  throw new Error('not yet');
}
