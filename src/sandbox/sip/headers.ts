/** What callers hand in as headers: several values make several header fields, `undefined` is left out. */
export type HeaderInit = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface HeaderField {
  /** As it stood on the wire, or as the application wrote it. */
  name: string;
  /** Unfolded, without surrounding white space. */
  value: string;
}

/** RFC 3261 7.3.3 and 20, with the later registrations that are seen on trunks. */
const COMPACT: Readonly<Record<string, string>> = {
  a: 'Accept-Contact',
  b: 'Referred-By',
  c: 'Content-Type',
  d: 'Request-Disposition',
  e: 'Content-Encoding',
  f: 'From',
  i: 'Call-ID',
  j: 'Reject-Contact',
  k: 'Supported',
  l: 'Content-Length',
  m: 'Contact',
  o: 'Event',
  r: 'Refer-To',
  s: 'Subject',
  t: 'To',
  u: 'Allow-Events',
  v: 'Via',
  x: 'Session-Expires',
  y: 'Identity',
};

const IRREGULAR: Readonly<Record<string, string>> = {
  'call-id': 'Call-ID',
  cseq: 'CSeq',
  'content-id': 'Content-ID',
  'mime-version': 'MIME-Version',
  'min-se': 'Min-SE',
  rack: 'RAck',
  rseq: 'RSeq',
  'sip-etag': 'SIP-ETag',
  'sip-if-match': 'SIP-If-Match',
  'www-authenticate': 'WWW-Authenticate',
};

/** The name in full and in its usual spelling: `i` and `call-id` both give `Call-ID`. */
export function canonicalName(name: string): string {
  const lower = name.toLowerCase();
  const known = COMPACT[lower] ?? IRREGULAR[lower];
  if (known !== undefined) return known;
  return lower.replace(/(^|-)([a-z])/g, (_all, dash: string, letter: string) => dash + letter.toUpperCase());
}

interface KeyedField extends HeaderField {
  /** The canonical name in lower case, so that a look-up compares strings and nothing more. */
  readonly key: string;
}

/** A line break inside a value would smuggle in header fields of its own. */
const oneLine = (value: string): string => (/[\r\n]/.test(value) ? value.replace(/\s*[\r\n]+\s*/g, ' ').trim() : value);

const keyOf = (name: string): string => {
  const lower = name.toLowerCase();
  return lower.length === 1 ? (COMPACT[lower] ?? lower).toLowerCase() : lower;
};

/** The header fields of one message in the order of the wire; looked up without regard to case or compact form. */
export class HeaderList implements Iterable<HeaderField> {
  #fields: KeyedField[] = [];

  constructor(fields: Iterable<HeaderField> = []) {
    for (const { name, value } of fields) this.append(name, value);
  }

  get size(): number {
    return this.#fields.length;
  }

  [Symbol.iterator](): Iterator<HeaderField> {
    return this.#fields[Symbol.iterator]();
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** The first field's whole value. */
  get(name: string): string | undefined {
    const key = keyOf(name);
    return this.#fields.find((field) => field.key === key)?.value;
  }

  /** The whole value of every field of that name, in order. */
  getAll(name: string): string[] {
    const key = keyOf(name);
    return this.#fields.filter((field) => field.key === key).map((field) => field.value);
  }

  /** Every single value, comma-joined ones taken apart (RFC 3261 7.3.1): for Via, Route, Contact, Allow ... */
  values(name: string): string[] {
    return this.getAll(name).flatMap(splitList);
  }

  /** Replaces every field of that name in the place of the first, or appends. */
  set(name: string, value: string | readonly string[]): this {
    const key = keyOf(name);
    const at = this.#fields.findIndex((field) => field.key === key);
    this.remove(name);
    const fields = (typeof value === 'string' ? [value] : value).map((one) => ({ name, key, value: oneLine(one) }));
    this.#fields.splice(at < 0 ? this.#fields.length : at, 0, ...fields);
    return this;
  }

  append(name: string, value: string): this {
    this.#fields.push({ name, key: keyOf(name), value: oneLine(value) });
    return this;
  }

  prepend(name: string, value: string): this {
    this.#fields.unshift({ name, key: keyOf(name), value: oneLine(value) });
    return this;
  }

  remove(name: string): this {
    const key = keyOf(name);
    this.#fields = this.#fields.filter((field) => field.key !== key);
    return this;
  }

  /** Sets each given header; those that are `undefined` stay as they are. */
  merge(headers: HeaderInit | undefined): this {
    for (const [name, value] of Object.entries(headers ?? {})) if (value !== undefined) this.set(name, value);
    return this;
  }

  clone(): HeaderList {
    return new HeaderList(this.#fields);
  }
}

/** Splits at commas that stand outside quotes and angle brackets. */
function splitList(value: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  let angle = false;
  for (let i = 0; i < value.length; i++) {
    const char = value[i];
    if (quoted && char === '\\') i++;
    else if (char === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (char === '<') angle = true;
    else if (char === '>') angle = false;
    else if (char === ',' && !angle) {
      parts.push(value.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(value.slice(start));
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}
