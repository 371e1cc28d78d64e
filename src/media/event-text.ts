/**
 * A FreeSWITCH event, read from its JSON text header by header. An event has some two hundred headers in ten
 * kilobytes, of which a call needs five: taking it apart as a whole costs several times as much as finding those.
 */
export class FreeSwitchEvent {
  constructor(private readonly json: string) {}

  /** The value of a header; undefined where the event has none of that name, or a list. */
  get(header: string): string | undefined {
    // Quotation marks within a value are escaped, so this text stands nowhere but at a header.
    const name = `"${header}":`;
    const at = this.json.indexOf(name);
    if (at < 0) return undefined;
    VALUE.lastIndex = at + name.length;
    const value = VALUE.exec(this.json)?.[1];
    return value?.includes('\\') ? (JSON.parse(`"${value}"`) as string) : value;
  }
}

const VALUE = /\s*"((?:[^"\\]|\\.)*)"/y;
