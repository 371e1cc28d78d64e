import { fieldOf, type TemplateField } from './fields.js';
import { asJson, FINAL_OF_REQUEST, judge, type Sink, type SinkAnswer, type SinkOutcome } from './sink.js';

export interface TemplateConfig {
  as: 'json' | 'form';
  /** What the receiver calls it → what it is. */
  fields: Readonly<Record<string, TemplateField>>;
}

/** The receiver is somebody's own program: where it is not found (404, 405), it is being deployed, or its address is wrong. */
const read = (answer: SinkAnswer): SinkOutcome => judge(answer, FINAL_OF_REQUEST);

/** A receiver with names of its own: flat JSON, or a form for old ones. `event.id` in the fields makes it idempotent. */
export function templateSink(url: string, { as, fields }: TemplateConfig, headers: Record<string, string>): Sink {
  return {
    url: new URL(url),
    spacingMs: 0,
    callsOnly: false,
    async deliver(event, ask) {
      const values = Object.entries(fields).map(([name, field]) => [name, fieldOf(event, field)] as const);
      if (as === 'json') return read(await ask(asJson('', Object.fromEntries(values), headers)));
      const form = new URLSearchParams();
      for (const [name, value] of values) form.append(name, value === null ? '' : String(value));
      const type = { 'content-type': 'application/x-www-form-urlencoded' };
      return read(await ask({ method: 'POST', path: '', headers: { ...type, ...headers }, body: form.toString() }));
    },
  };
}
