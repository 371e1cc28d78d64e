import type { Channel } from './channel.js';
import { localStamp, SANDBOX_HOSTNAME } from './event-bus.js';
import type { Switch } from './switch.js';

type Row = Record<string, string>;

function identity(channel: Channel): Row {
  const { profile, times } = channel;
  return {
    uuid: channel.uuid,
    direction: channel.direction,
    created: localStamp(new Date(times.created / 1000)),
    created_epoch: String(Math.floor(times.created / 1e6)),
    name: channel.name,
    state: channel.state,
    cid_name: profile.callerIdName,
    cid_num: profile.callerIdNumber,
    ip_addr: profile.networkAddress,
    dest: profile.destination,
    presence_id: '',
    presence_data: '',
    accountcode: '',
    callstate: channel.callState,
    callee_name: '',
    callee_num: '',
    callee_direction: '',
    sent_callee_name: '',
    sent_callee_num: '',
  };
}

/** `show channels [count] [as json]`, and `calls`. */
export function showRows(rows: Row[], { as, count }: { as: 'json' | 'csv'; count: boolean }): string {
  const total = `\n${rows.length} total.\n`;
  if (as === 'json') {
    return count || rows.length === 0
      ? `{"row_count": ${rows.length}}\n`
      : JSON.stringify({ row_count: rows.length, rows });
  }
  if (count || rows.length === 0) return total;
  const lines = [Object.keys(rows[0] ?? {}), ...rows.map((row) => Object.values(row))];
  return `${lines.map((values) => `${values.join(',')}\n`).join('')}${total}`;
}

export function channelRows(fs: Switch): Row[] {
  return [...fs.channels.values()].map((channel) => {
    const codec = channel.media.codecName ?? '';
    return {
      ...identity(channel),
      application: channel.application,
      application_data: channel.applicationData,
      dialplan: 'XML',
      context: 'calltrack',
      read_codec: codec,
      read_rate: codec === '' ? '' : '8000',
      read_bit_rate: codec === '' ? '' : '64000',
      write_codec: codec,
      write_rate: codec === '' ? '' : '8000',
      write_bit_rate: codec === '' ? '' : '64000',
      secure: '',
      hostname: SANDBOX_HOSTNAME,
      call_uuid: channel.bridge === undefined ? '' : channel.callUuid,
      initial_cid_name: channel.profile.callerIdName,
      initial_cid_num: channel.profile.callerIdNumber,
      initial_ip_addr: channel.profile.networkAddress,
      initial_dest: channel.profile.destination,
      initial_dialplan: 'XML',
      initial_context: 'calltrack',
    };
  });
}

/** One row a joined pair, the second leg's columns with the prefix `b_`. */
export function callRows(fs: Switch): Row[] {
  return [...fs.channels.values()]
    .filter((channel) => channel.bridge === undefined || channel.bridgeOriginator)
    .map((channel) => {
      const other = channel.bridge === undefined ? undefined : identity(channel.bridge);
      const b = Object.keys(identity(channel)).map((name) => [`b_${name}`, other?.[name] ?? ''] as const);
      return {
        ...identity(channel),
        call_uuid: other === undefined ? '' : channel.callUuid,
        hostname: SANDBOX_HOSTNAME,
        ...Object.fromEntries(b),
        call_created_epoch: other === undefined ? '' : String(Math.floor(channel.times.bridged / 1e6)),
      };
    });
}

/** `uuid_dump`: the channel as escaped `Name: value` lines, or as JSON. */
export function channelDump(fs: Switch, channel: Channel, json: boolean): string {
  const event = fs.bus.create('CHANNEL_DATA');
  channel.describe(event);
  return json ? `${event.toJson()}\n` : `${event.toHeaderText()}\n`;
}

/** `uuid_buglist`: nothing at all where there is no such channel. */
export function bugList(channel: Channel | undefined): string {
  if (channel === undefined) return '';
  const bugs = [...channel.media.recordings.keys()].map(
    (path) =>
      ` <media-bug>\n  <function>session_record</function>\n  <target>${path}</target>\n` +
      '  <thread-locked>0</thread-locked>\n </media-bug>\n',
  );
  return `<media-bugs>\n${bugs.join('')}</media-bugs>\n`;
}
