import { readFileSync } from 'node:fs';

/** What stands for `@NAME@` in a scenario. */
export type ScenarioValues = Record<string, string | number>;

const FOLDER = new URL('../fixtures/sipp/', import.meta.url);

const DEFAULTS: ScenarioValues = {
  CALLED: '+74950000000',
  CALLER: '+79160000000',
  DIRECTION: 'sendrecv',
  HEADERS: '',
  HOLD: 300,
  PROGRESS: '180 Ringing',
  RING: 200,
  SDP_VERSION: 1,
  STATUS: '486 Busy Here',
  STREAMS: '',
  TALK: 1500,
  TONE: 'tone.pcma',
  WAIT: 200,
};

/**
 * A scenario ready for SIPp: `<use part="x" NAME="value"/>` is replaced by `parts/x.xml` with those values, `@NAME@` by
 * its value. A header line that only holds an empty value is left out.
 */
export function scenarioText(name: string, values: ScenarioValues): string {
  const caller = values['CALLER'] ?? DEFAULTS['CALLER'] ?? '';
  const all = { FROM: `<sip:${caller}@[local_ip]:[local_port]>`, ...DEFAULTS, ...values };
  return expand(readFileSync(new URL(`${name}.xml`, FOLDER), 'utf8'), all);
}

function expand(text: string, values: ScenarioValues): string {
  const withParts = text.replaceAll(/<use part="([a-z-]+)"([^>]*)\/>\n?/g, (_, part: string, attributes: string) => {
    const own = Object.fromEntries(
      [...attributes.matchAll(/([A-Z_]+)="([^"]*)"/g)].map((match) => [match[1] ?? '', match[2] ?? '']),
    );
    return expand(readFileSync(new URL(`parts/${part}.xml`, FOLDER), 'utf8'), { ...values, ...own });
  });
  return withParts
    .replaceAll(/^@([A-Z_]+)@\n/gm, (line, name: string) => (values[name] === '' ? '' : line))
    .replaceAll(/@([A-Z_]+)@/g, (_, name: string) => {
      const value = values[name];
      if (value === undefined) throw new Error(`the scenario asks for ${name}`);
      return String(value);
    });
}
