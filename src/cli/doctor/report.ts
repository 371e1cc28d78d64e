/** One thing that was looked at. */
export interface Finding {
  what: string;
  result: 'ok' | 'warn' | 'fail';
  detail: string;
}

export const ok = (what: string, detail: string): Finding => ({ what, result: 'ok', detail });
export const warn = (what: string, detail: string): Finding => ({ what, result: 'warn', detail });
export const fail = (what: string, detail: string): Finding => ({ what, result: 'fail', detail });
