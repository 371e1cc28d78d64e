import { randomUUID } from 'node:crypto';
import type { Holder } from '../call/ports.js';
import { GatewayError } from '../lib/errors.js';
import type {
  Creation,
  NewNumber,
  NumberChange,
  NumberInventory,
  NumberOrigin,
  NumberPatch,
  NumberRecord,
  RowConflict,
} from '../numbers/inventory.js';
import type { RedisLink } from './connection.js';
import { parseHolderJson, parseNumber } from './holders.js';
import { type Keys, numberResource } from './keys.js';
import { listInPools, runInBatches, type Listing } from './pool-list.js';
import { asNumber, asStrings, loadScript, type ScriptCall } from './scripts.js';

const claimScript = loadScript('claim-number');
const settleScript = loadScript('settle-number');
const changeScript = loadScript('change-number');

/** A claim that nobody settles goes by itself: ten thousand numbers take a second. */
const CLAIM_MS = 60_000;

/** A score of a sorted set, as Redis writes it. */
const SCORE = /^-?(inf|\d+(\.\d+)?(e[+-]\d+)?)$/;

/** Numbers of the API beside those of the configuration (`NumberInventory` of numbers/inventory.ts). */
export class RedisInventory implements NumberInventory {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  async list(
    sites: readonly string[],
    after: string | null,
    limit: number,
  ): Promise<{ numbers: NumberRecord[]; next: string | null }> {
    const [fromSite = '', fromNumber = ''] = after?.split('~') ?? [];
    const found: { site: string; number: string }[] = [];
    for (const site of sites.filter((id) => id >= fromSite).toSorted()) {
      const from = site === fromSite && fromNumber !== '' ? `(${fromNumber}` : '-';
      const key = this.keys.numberIndex(site);
      const names = await this.link.send((client) =>
        client.zrangebylex(key, from, '+', 'LIMIT', 0, limit - found.length),
      );
      found.push(...names.map((number) => ({ site, number })));
      if (found.length >= limit) break;
    }
    const records = await this.#readAll(found.map(({ number }) => number));
    const last = found.length < limit ? undefined : found.at(-1);
    return {
      // A number that changed its site stands in the list of the former one until that is written anew.
      numbers: records.filter((record, i): record is NumberRecord => record !== null && record.site === found[i]?.site),
      next: last ? `${last.site}~${last.number}` : null,
    };
  }

  async read(number: string): Promise<NumberRecord | null> {
    const [record = null] = await this.#readAll([number]);
    return record;
  }

  async create(rows: readonly NewNumber[]): Promise<Creation> {
    const batch = randomUUID();
    const outcomes = await runInBatches(
      this.link,
      rows.map((row) => this.#claim(row, batch)),
    );
    const claimed = rows.filter((_row, i) => outcomes[i] === 'claimed');
    const conflicts = outcomes.flatMap((outcome, index): RowConflict[] =>
      outcome === 'claimed' || outcome === 'same' ? [] : [{ index, reason: outcome }],
    );
    if (conflicts.length > 0) {
      await this.#settle(claimed, batch, 'drop');
      return { created: 0, unchanged: 0, conflicts };
    }
    const kept = await this.#settle(claimed, batch, 'keep');
    const there = rows.filter((_row, i) => outcomes[i] === 'same');
    // Only what stands: who is lent what is none has lost a try. Those that were there before too: an import that broke
    // off before this is made whole by its repetition.
    await listInPools(this.link, this.keys, [...kept, ...there].map(listingOf));
    if (kept.length < claimed.length)
      throw new GatewayError('GW_ERR_DEADLINE', 'numbers expired before all were created: create them once more');
    return { created: claimed.length, unchanged: rows.length - claimed.length, conflicts: [] };
  }

  async change(number: string, { enabled, route, source }: NumberPatch): Promise<NumberChange> {
    const fields: string[] = [];
    if (enabled !== undefined) fields.push('enabled', enabled ? '1' : '0');
    if (route !== undefined) fields.push('route', route ?? '');
    if (source !== undefined) fields.push('source', source ? JSON.stringify(source) : '');
    const { outcome, site, kind, lastEnd } = await this.#change(number, ['set', ...fields]);
    if (outcome === 'done' && enabled !== undefined) {
      await listInPools(this.link, this.keys, [listingOf({ number, site, kind, enabled })]);
      // It comes back to where it stood: whoever had it last may still call.
      await this.link.send((client) => client.zadd(this.keys.pool(site), 'XX', 'GT', lastEnd, number));
    }
    return outcome;
  }

  async remove(number: string): Promise<NumberChange> {
    const { outcome, site } = await this.#change(number, ['remove']);
    if (outcome === 'done') await listInPools(this.link, this.keys, [{ site, number, state: 'gone' }]);
    return outcome;
  }

  async holders(
    number: string,
    after: string | null,
    limit: number,
  ): Promise<{ holders: Holder[]; next: string | null }> {
    if (after !== null && !SCORE.test(after))
      throw new GatewayError('GW_ERR_BAD_REQUEST', '"cursor" must be one as given in "next"');
    const key = this.keys.holders(number);
    const most = after === null ? '+inf' : `(${after}`;
    const [type, reply] = await this.link.pipelineSettled((pipe) =>
      pipe.type(key).zrevrangebyscore(key, most, '-inf', 'WITHSCORES', 'LIMIT', 0, limit),
    );
    if (type instanceof GatewayError) throw type;
    if (type !== 'zset') return { holders: [], next: null };
    if (reply instanceof GatewayError) throw reply;
    const membersAndScores = asStrings(reply);
    const members = membersAndScores.filter((_text, i) => i % 2 === 0);
    return {
      // Other services write here as well: what is none takes a place on the page all the same.
      holders: members.flatMap((member) => parseHolderJson(member ?? '') ?? []),
      next: members.length < limit ? null : (membersAndScores.at(-1) ?? null),
    };
  }

  async #readAll(numbers: readonly string[]): Promise<(NumberRecord | null)[]> {
    const replies = await this.link.pipelineSettled((pipe) => {
      for (const number of numbers) pipe.type(this.keys.number(number)).hgetall(this.keys.number(number));
    });
    return numbers.map((number, i) => {
      const [type, fields] = replies.slice(2 * i, 2 * i + 2);
      if (type instanceof GatewayError) throw type;
      if (type !== 'hash' || fields instanceof GatewayError) return null;
      const values = fields as Record<string, string>;
      // One that is being created is none yet.
      const record = values['batch'] === undefined ? parseNumber(number, values) : null;
      return record && { ...record, origin: originOf(values['by']) };
    });
  }

  #claim({ number, site, kind, route, source, enabled }: NewNumber, batch: string): ScriptCall<ClaimOutcome> {
    return {
      script: claimScript,
      keys: [this.keys.number(number)],
      args: [batch, CLAIM_MS, site, kind, route ?? '', source ? JSON.stringify(source) : '', enabled ? 1 : 0],
      read: (reply) => reply as ClaimOutcome,
    };
  }

  /** @returns those that were still this batch's */
  async #settle(rows: readonly NewNumber[], batch: string, how: 'keep' | 'drop'): Promise<NewNumber[]> {
    const settled = await runInBatches(
      this.link,
      rows.map(({ number }) => ({
        script: settleScript,
        keys: [this.keys.number(number)],
        args: [batch, how],
        read: asNumber,
      })),
    );
    return rows.filter((_row, i) => settled[i] === 1);
  }

  #change(number: string, args: string[]): Promise<Changed> {
    const { keys } = this;
    return this.link.run({
      script: changeScript,
      keys: [keys.number(number), keys.lease(number), keys.holders(number), keys.channel(numberResource(number))],
      args,
      read: (reply) => {
        const [outcome, site, kind, lastEnd] = asStrings(reply);
        return {
          outcome: outcome as NumberChange,
          site: site ?? '',
          kind: kind === 'static' ? 'static' : 'dynamic',
          lastEnd: asNumber(lastEnd ?? 0),
        };
      },
    });
  }
}

type ClaimOutcome = 'claimed' | 'same' | RowConflict['reason'];

interface Changed {
  outcome: NumberChange;
  site: string;
  kind: NewNumber['kind'];
  /** Of its last lease, ms since the epoch; 0: it has had none. */
  lastEnd: number;
}

function listingOf({ number, site, kind, enabled }: Pick<NewNumber, 'number' | 'site' | 'kind' | 'enabled'>): Listing {
  return { number, site, state: kind === 'dynamic' && enabled ? 'lent' : 'shown' };
}

const originOf = (by: string | undefined): NumberOrigin => (by === 'config' ? 'file' : by === 'api' ? 'api' : 'other');
