import type { FsEvent } from './event.js';

interface Filter {
  header: string;
  value: string;
}

/** Which events a control connection gets, and in which format: `event`, `nixevent`, `noevents`, `filter`. */
export class Subscription {
  format: 'json' | 'plain' = 'plain';
  #all = false;
  readonly #names = new Set<string>();
  readonly #subclasses = new Set<string>();
  #filters: Filter[] = [];

  /** `event json A B CUSTOM x::y`: returns the reply text. Adds to what was asked for before. */
  subscribe(args: string): string {
    const words = args.split(/\s+/).filter((word) => word !== '');
    const format = words[0]?.toLowerCase();
    if (format === 'json' || format === 'plain') {
      this.format = format;
      words.shift();
    }
    let custom = false;
    let found = 0;
    for (const word of words) {
      if (custom) this.#subclasses.add(word);
      else if (word.toUpperCase() === 'ALL') this.#all = true;
      else if (/^[A-Z_]+$/i.test(word) && isEventName(word)) this.#names.add(word.toUpperCase());
      else continue;
      if (word.toUpperCase() === 'CUSTOM') custom = true;
      found += 1;
    }
    return found === 0 ? '-ERR no keywords supplied' : `+OK event listener enabled ${this.format}`;
  }

  unsubscribe(args: string): string {
    const words = args.split(/\s+/).filter((word) => word !== '');
    if (words.length === 0) return '-ERR no keywords supplied';
    for (const word of words) {
      if (word.toUpperCase() === 'ALL') this.clear();
      this.#names.delete(word.toUpperCase());
      this.#subclasses.delete(word);
    }
    return '+OK events nixed';
  }

  clear(): void {
    this.#all = false;
    this.#names.clear();
    this.#subclasses.clear();
  }

  /** `filter <header> <value>` and `filter delete <header> [<value>]`. */
  filter(args: string): string {
    const [first = '', second = '', ...rest] = args.trim().split(/\s+/);
    if (first.toLowerCase() === 'delete') return this.#deleteFilter(second, rest.join(' '));
    if (first === '' || second === '') return '-ERR invalid syntax';
    const value = [second, ...rest].join(' ');
    this.#filters.push({ header: first, value });
    return `+OK filter added. [${first}]=[${value}]`;
  }

  wants(name: string): boolean {
    return this.#all || this.#names.has(name) || name === 'CUSTOM';
  }

  /** With filters set, at least one of them must match. */
  accepts(event: FsEvent): boolean {
    if (event.name === 'CUSTOM' && !this.#all && !this.#subclasses.has(event.subclass ?? '')) return false;
    return this.#filters.length === 0 || this.#filters.some((filter) => matches(filter, event));
  }

  #deleteFilter(header: string, value: string): string {
    this.#filters = this.#filters.filter(
      (filter) => !(header === 'all' || (filter.header === header && (value === '' || filter.value === value))),
    );
    return `+OK filter deleted. [${header}][${value}]`;
  }
}

function matches(filter: Filter, event: FsEvent): boolean {
  const value = event.get(filter.header);
  if (value === undefined) return false;
  const pattern = /^\/(.*)\/$/.exec(filter.value)?.[1];
  return pattern === undefined ? value.toLowerCase() === filter.value.toLowerCase() : new RegExp(pattern).test(value);
}

/** Everything that FreeSWITCH itself would take as a name; a misspelt one is ignored there too. */
function isEventName(word: string): boolean {
  return /^(CUSTOM|CHANNEL_[A-Z_]+|RECORD_(START|STOP)|PLAYBACK_(START|STOP)|SWITCH_EVENT_[A-Z_]+|DTMF|DETECTED_TONE|HEARTBEAT|BACKGROUND_JOB|MEDIA_BUG_(START|STOP)|CODEC|API|SHUTDOWN|STARTUP|CALL_UPDATE|[A-Z]+_[A-Z_]+|MESSAGE|TALK|NOTALK|LOG|CLONE|COMMAND|TRAP|GENERAL|RELOADXML|NOTIFY|TEXT|FAILURE)$/i.test(
    word,
  );
}
