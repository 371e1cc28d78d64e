import { parseArgs } from 'node:util';
import { CommandError, FAILED, OK, UsageError, WRONG, type Command, type Terminal } from './command.js';
import { archive } from './commands/archive.js';
import { callShow } from './commands/call-show.js';
import { callsTail } from './commands/calls-tail.js';
import { callbacksAdd } from './commands/callbacks-add.js';
import { callersDelete } from './commands/callers-delete.js';
import { channels } from './commands/channels.js';
import { configCheck } from './commands/config-check.js';
import { configReload } from './commands/config-reload.js';
import { doctor } from './commands/doctor.js';
import { historyRebuild } from './commands/history-rebuild.js';
import { leases } from './commands/leases.js';
import { destinations } from './commands/destinations.js';
import { lines } from './commands/lines.js';
import { numbers } from './commands/numbers.js';
import { pools } from './commands/pools.js';
import { routeExplain } from './commands/route-explain.js';
import { trunks } from './commands/trunks.js';
import { usersHash } from './commands/users-hash.js';
import { webhooks } from './commands/webhooks.js';

export const COMMANDS: readonly Command[] = [
  configCheck,
  configReload,
  trunks,
  lines,
  destinations,
  channels,
  callsTail,
  callShow,
  callersDelete,
  callbacksAdd,
  archive,
  historyRebuild,
  routeExplain,
  usersHash,
  webhooks,
  numbers,
  leases,
  pools,
  doctor,
];
const COMMON = {
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;
const COMMON_HELP = ['      --json          the result as JSON', '  -h, --help          this text'];

const OVERVIEW = [
  'calltrack COMMAND [options]',
  '',
  ...COMMANDS.map(({ name, usage, summary }) => `  calltrack ${name}${usage ? ` ${usage}` : ''}\n      ${summary}`),
  '',
  ...COMMON_HELP,
  '',
  'Those that ask a running gateway find it by CALLTRACK_URL, with a key of access.keys in CALLTRACK_KEY.',
  'calltrack COMMAND --help has the options of each.',
  'Status 0: done and well. 1: failed, or not healthy. 2: wrong usage or configuration.',
].join('\n');

/** Runs the command that `args` name; its exit status. Rejects only by a fault of ours. */
export async function main(args: string[], terminal: Terminal): Promise<number> {
  const command = COMMANDS.find(({ name }) => name.split(' ').every((word, i) => args[i] === word));
  if (!command) {
    const asked = args.length === 0 || args.some((arg) => arg === '--help' || arg === '-h' || arg === 'help');
    if (asked && args.length > 0) terminal.out(OVERVIEW);
    else terminal.err(asked ? OVERVIEW : `no such command: ${args.join(' ')}\n\n${OVERVIEW}`);
    return asked && args.length > 0 ? OK : WRONG;
  }
  try {
    return await runCommand(command, args.slice(command.name.split(' ').length), terminal);
  } catch (error) {
    // Node's own parser throws TypeErrors whose code says that the arguments were wrong.
    const wrong = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
    if (wrong) terminal.err(`${error.message}\n\n${helpOf(command)}`);
    else if (error instanceof CommandError) terminal.err(error.message);
    // JSON, but without what is looked for in it.
    else if (error instanceof TypeError && 'url' in command.options) terminal.err(misunderstood(error));
    else throw error;
    return wrong ? WRONG : FAILED;
  }
}

const misunderstood = ({ message }: TypeError): string =>
  `the gateway's answer is not what this calltrack knows: is it of another version? (${message})`;

async function runCommand(command: Command, args: string[], terminal: Terminal): Promise<number> {
  const options = { ...COMMON, ...command.options };
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  if (values.help) {
    terminal.out(helpOf(command));
    return OK;
  }
  // It would be sent as no id at all, and something else be asked for.
  if (positionals.includes('')) throw new UsageError('an argument is empty: is a variable of the shell not set?');
  const surplus = positionals[command.positionals];
  if (surplus !== undefined) throw new UsageError(`"${surplus}" is too much`);
  return command.run(values, positionals, terminal);
}

function helpOf({ name, usage, summary, help }: Command): string {
  const call = `calltrack ${name}${usage ? ` ${usage}` : ''} [--json]`;
  const own = help.findIndex((line) => line === '');
  const options = own < 0 ? help : help.slice(0, own);
  return [call, '', summary, '', ...options, ...COMMON_HELP, ...(own < 0 ? [] : help.slice(own))].join('\n');
}
