import { ConfigError, formatIssue } from '../../config/errors.js';
import { loadConfig } from '../../config/load.js';
import type { GatewayConfig } from '../../config/schema.js';
import { unnamedEndpoints } from '../../events/subscriptions.js';
import { missingFormats } from '../../recordings/encoder.js';
import { opensAgain } from '../../routing/schedule.js';
import { CONFIG_HELP, CONFIG_OPTIONS, OK, WRONG, type Command } from '../command.js';

export const configCheck: Command = {
  name: 'config check',
  usage: '[--config FILE]',
  summary: 'checks a configuration file, or a folder of *.yaml files, without starting anything',
  help: [
    CONFIG_HELP,
    '',
    'Status 0 where all is right, 2 where something is wrong. A warning is what this machine lacks, or what is right and',
    'hardly meant: it changes no status.',
  ],
  options: CONFIG_OPTIONS,
  positionals: 0,
  async run(values, _positionals, terminal) {
    const file = String(values['config']);
    try {
      const config = await loadConfig(file, terminal.env);
      const counts = Object.entries(config).flatMap(([key, value]) =>
        Array.isArray(value) ? `${key} ${value.length}` : [],
      );
      const warnings = await warningsOf(config);
      const said = [`${file}: right (${counts.join(', ')})`, ...warnings.map((text) => `warning: ${text}`)];
      terminal.out(values['json'] ? JSON.stringify({ ok: true, file, errors: [], warnings }) : said.join('\n'));
      return OK;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      if (values['json']) terminal.out(JSON.stringify({ ok: false, file, errors: error.issues, warnings: [] }));
      else terminal.err([...error.issues.map(formatIssue), `${error.issues.length} wrong in ${file}`].join('\n'));
      return WRONG;
    }
  },
};

async function warningsOf(config: GatewayConfig): Promise<string[]> {
  const formats = await missingFormats(config);
  const unnamed = unnamedEndpoints(config.webhooks, config.sites);
  const closed = config.schedules.filter((schedule) => !opensAgain(schedule, Date.now())).map(({ id }) => id);
  return [
    ...(formats.length > 0 ? [`ffmpeg is not on the PATH: no ${formats.join(', ')}, recordings stay WAV`] : []),
    ...(unnamed.length > 0
      ? [`no site names these webhooks, they are told of no site's calls: ${unnamed.join(', ')}`]
      : []),
    ...(closed.length > 0
      ? [
          `these schedules open never again, their exceptions are past: ${closed.join(', ')}; steps "during" them ring nobody, and no trunk's silence is told`,
        ]
      : []),
  ];
}
