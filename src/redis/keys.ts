const NUMBER_RESOURCE = 'number:';

export const numberResource = (number: string): string => NUMBER_RESOURCE + number;

/** The tracking number that a resource like `number:+74951111111` stands for; null for every other resource. */
export const numberOf = (resource: string): string | null =>
  resource.startsWith(NUMBER_RESOURCE) ? resource.slice(NUMBER_RESOURCE.length) : null;

/**
 * Every key name of the gateway. `docs/redis-keys.md` tells what each holds.
 *
 * The three keys of contracts section 3 (`number`, `lease`, `holders`) are written by other services too and are
 * fixed; everything else is private and carries the version of its layout. Keys that one script touches share one
 * hash tag (`{…}`), so that Redis Cluster keeps them on one node.
 */
export class Keys {
  readonly #p: string;
  readonly #calls: string;
  readonly #limits: string;

  /** @param prefix from the configuration (`redis.keyPrefix`), before every key. */
  constructor(prefix: string) {
    this.#p = prefix;
    this.#calls = `${prefix}v1:{calls}:`;
    this.#limits = `${prefix}v1:{limits}:`;
  }

  // Contract keys: `n` is the tracking number in E.164.
  number = (n: string): string => `${this.#p}number:{${n}}`;
  lease = (n: string): string => `${this.#p}lease:{${n}}`;
  holders = (n: string): string => `${this.#p}holders:{${n}}`;

  /** Set of the numbers that a gateway's configuration wrote. */
  configuredNumbers = (gateway: string): string => `${this.#p}v1:numbers:configured:${gateway}`;
  /** Gateways that have numbers in their configuration, by when their word runs out. */
  numberGateways = (): string => `${this.#p}v1:numbers:gateways`;
  /** Stands while another gateway takes away the numbers of this one, which has left. */
  numberWithdrawal = (gateway: string): string => `${this.#p}v1:numbers:withdrawal:${gateway}`;
  /** Set of the gateways whose configuration names this number. */
  numberFiles = (n: string): string => `${this.#p}v1:number-files:{${n}}`;
  /**
   * `resource` as in `HeldChannel.resource`. All limits share a hash tag, since a call takes several of them at once;
   * calls on a tracking number share that of its lease.
   */
  channel = (resource: string): string => {
    const number = numberOf(resource);
    return number === null ? `${this.#limits}channel:${resource}` : `${this.#p}v1:channel:{${number}}`;
  };
  /** How near its limit a resource is, and the changes of it that are still to be told. */
  channelState = (resource: string): string => `${this.#limits}state:${resource}`;
  channelUntold = (resource: string): string => `${this.#limits}untold:${resource}`;
  /** Before `peaks:<day>` and `hours:<day>`; days are counted from the epoch, in UTC. */
  channelDays = (resource: string): string => `${this.#limits}use:${resource}:`;
  /** `step` is the route's id and the step's number. */
  turn = (step: string): string => `${this.#p}v1:turn:{${step}}`;
  lastUsed = (target: string): string => `${this.#p}v1:last-used:{${target}}`;
  /** Set of the trunks, lines and destinations taken out of service. */
  drained = (): string => `${this.#p}v1:drained`;
  /** Hash: trunk → when its last INVITE came. */
  heardTrunks = (): string => `${this.#p}v1:trunks:heard`;
  /** Gateways that find it down for this reason. */
  downWords = (kind: 'trunk' | 'line', id: string, reason: string): string => `${this.#calls}${kind}:${id}:${reason}`;
  /** Stands while it is told down for this reason. */
  downTold = (kind: 'trunk' | 'line', id: string, reason: string): string => `${this.downWords(kind, id, reason)}:told`;
  /** `period`: 30 days, counted from the epoch. */
  callRates = (site: string, period: number): string => `${this.#p}v1:rates:{${site}}:${period}`;
  /** A caller's history: his calls, what is known of each, and by site. */
  caller = (n: string): string => `${this.#p}v1:caller:{${n}}`;
  callerCalls = (n: string): string => `${this.caller(n)}:calls`;
  callerSites = (n: string): string => `${this.caller(n)}:sites`;
  /** Calls of a range of numbers, by what they have in common. */
  callerRange = (digits: string): string => `${this.#p}v1:range:{${digits}}`;
  /** Block and allow list of a site. */
  screening = (site: string): string => `${this.#p}v1:screening:{${site}}`;

  /** Before the id of a call. */
  callPrefix = (): string => `${this.#calls}call:`;
  call = (callId: string): string => this.callPrefix() + callId;
  liveCalls = (): string => `${this.#calls}live`;
  recentCalls = (): string => `${this.#calls}recent`;
  /** Before an hour (counted from the epoch): what its calls came to. */
  callHours = (): string => `${this.#calls}hour:`;
  events = (): string => `${this.#calls}events`;
  /** Places in the stream whose events were erased. */
  erasedEvents = (): string => `${this.#calls}events-erased`;
  /** Before every key of the history: what calls are found by. */
  history = (): string => `${this.#calls}history:`;
  /** Which generation of the index is written and searched, and how far a rebuild of it is. */
  historyState = (): string => `${this.history()}state`;
  historySweep = (): string => `${this.history()}sweep`;
  /** Stores that have an archive: store → gateway. */
  historyStores = (): string => `${this.history()}stores`;
  /** Callers who are to be forgotten in the archives, and each of them. */
  archiveErasures = (): string => `${this.#calls}erasing`;
  archiveErasure = (id: string): string => `${this.#calls}erasure:${id}`;
  missed = (): string => `${this.history()}missed`;
  /** Changes of a call that wait for its owner, and the calls that have any. */
  amendments = (callId: string): string => `${this.#calls}amend:${callId}`;
  amendedCalls = (): string => `${this.#calls}amended`;
  /** Calls of the last 30 days by their caller's number. */
  callsOf = (caller: string): string => `${this.#calls}caller:${caller}`;
  /** Stream of what was erased and by whom, without numbers. */
  erasures = (): string => `${this.#calls}erasures`;
  /** Ended calls that their caller's history does not know yet, or that have no verdict yet. */
  historyDue = (): string => `${this.#calls}history-due`;
  /** Names this set of data: another name means that Redis has lost it. */
  identity = (): string => `${this.#calls}identity`;

  /** Marks an operational event as written. */
  eventMark = (eventId: string): string => `${this.#calls}written:${eventId}`;

  /** Before the keys of one endpoint's deliveries; scripts append the endpoint's id and a part's name. */
  outboxPrefix = (): string => `${this.#calls}out:`;
  endpoints = (): string => `${this.#calls}endpoints`;
  due = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:due`;
  flight = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:flight`;
  tries = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:tries`;
  health = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:health`;
  failed = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:failed`;
  backlog = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:backlog`;
  dead = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:dead`;
  /** Stands while nothing is sent to the endpoint. */
  disabled = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:disabled`;
  endpointConfig = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:config`;
  /** How far the dead letters have been told of. */
  deadTold = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:dead-told`;
  replays = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:replays`;
  deliveryLog = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:log`;
  /** Before a call's id: how the deliveries of its events stand. */
  toldPrefix = (): string => `${this.#calls}told:`;
  /** Before the ordering key of a list of undelivered stream ids. */
  todoPrefix = (endpoint: string): string => `${this.outboxPrefix()}${endpoint}:todo:`;

  /** What a sink has told its vendor of a call. */
  sinkSteps = (endpoint: string, callId: string): string => `${this.#p}v1:sink:{${callId}}:${endpoint}`;

  /** Registered phones of a line; the parts of one line share its hash tag. */
  lineContacts = (line: string): string => this.#line(line, 'contacts');
  lineExpiry = (line: string): string => this.#line(line, 'expiry');
  lineSilences = (line: string): string => this.#line(line, 'silences');
  linePings = (line: string): string => this.#line(line, 'pings');
  lineNonce = (line: string, nonce: string): string => this.#line(line, `nonce:${nonce}`);
  /** `who`: `source …`, `user …` or `pair …`. */
  registerFailures = (who: string): string => `${this.#p}v1:register-failures:{${who}}`;
  nonceSecret = (): string => `${this.#p}v1:nonce-secret`;

  /** Sorted set of the numbers that a site lends, by when each is free. Parts of one pool share the site's hash tag. */
  pool = (site: string): string => this.#pool(site, 'numbers');
  /** All numbers of a site, lent or not: a sorted set in which all scores are 0. */
  numberIndex = (site: string): string => this.#pool(site, 'index');
  /** What was last lent to a visitor session. */
  poolSession = (site: string, session: string): string => this.#pool(site, `session:${session}`);
  /** Sorted set of the numbers that one asker holds, by when each is free. */
  poolAsker = (site: string, asker: string): string => this.#pool(site, `asker:${asker}`);
  /** The same of promo codes. */
  codeAsker = (site: string, asker: string): string => this.#pool(site, `code-asker:${asker}`);
  poolState = (site: string): string => this.#pool(site, 'state');
  poolUntold = (site: string): string => this.#pool(site, 'untold');
  /** Whose a promo code is. */
  promoCode = (site: string, code: string): string => this.#pool(site, `code:${code}`);
  /** The promo code that a visitor session has. */
  sessionCode = (site: string, session: string): string => this.#pool(site, `code-of:${session}`);
  /** Before a day, counted from the epoch, in UTC. */
  poolHours = (site: string): string => this.#pool(site, 'hours:');

  /** `id`: hash of the token that the cookie holds. */
  consoleSession = (id: string): string => `${this.#p}v1:console:session:{${id}}`;
  /** `subject`: `user …` or `address …`. */
  loginAttempts = (subject: string): string => `${this.#p}v1:console:attempts:{${subject}}`;
  /** A log-in by OIDC that is under way. */
  loginState = (id: string): string => `${this.#p}v1:console:login:{${id}}`;

  #pool = (site: string, part: string): string => `${this.#p}v1:pool:{${site}}:${part}`;
  /** Who heard, shared and deleted which recording. */
  audit = (): string => `${this.#p}v1:{audit}:log`;
  /** Stands while further requests belong to a line that is written. */
  auditMark = (digest: string): string => `${this.#p}v1:{audit}:written:${digest}`;
  /** Secrets that shared links are signed with, by their id. */
  linkSecrets = (): string => `${this.#p}v1:link-secrets`;
  linkUse = (nonce: string): string => `${this.#p}v1:link-use:${nonce}`;
  deletedRecording = (callId: string): string => `${this.#p}v1:deleted-recording:${callId}`;
  /** Stands while the recordings of this store need no sweep. */
  swept = (store: string): string => `${this.#p}v1:swept:${store}`;

  #line = (line: string, part: string): string => `${this.#p}v1:line:{${line}}:${part}`;
}
