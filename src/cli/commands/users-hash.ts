import { hashPassword, MAX_PASSWORD } from '../../console/auth/passwords.js';
import { CommandError, OK, type Command } from '../command.js';

const SHORTEST = 10;

export const usersHash: Command = {
  name: 'users hash',
  usage: '',
  summary: 'makes what stands in access.users[].password; the password is read from standard input',
  help: [
    '',
    'It is asked for on a terminal, and otherwise the first line of what comes in: no list of processes shows it.',
  ],
  options: {},
  positionals: 0,
  async run(values, _positionals, terminal) {
    const password = await terminal.secret('Password: ');
    if (password.length < SHORTEST || password.length > MAX_PASSWORD)
      throw new CommandError(
        `a password has ${SHORTEST} to ${MAX_PASSWORD} characters; this one has ${password.length}`,
      );
    const hash = await hashPassword(password);
    terminal.out(values['json'] ? JSON.stringify({ password: hash }) : hash);
    return OK;
  },
};
