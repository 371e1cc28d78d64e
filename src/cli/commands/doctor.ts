import { ConfigError, formatIssue } from '../../config/errors.js';
import { loadConfig } from '../../config/load.js';
import type { GatewayConfig } from '../../config/schema.js';
import { CONFIG_HELP, CONFIG_OPTIONS, FAILED, OK, WRONG, type Command } from '../command.js';
import { checkDrachtio, checkFreeSwitch, checkSip } from '../doctor/engines.js';
import { checkEncoder, checkFolder, checkHttp, checkPasswords, checkWebhooks } from '../doctor/local.js';
import { checkRedis } from '../doctor/redis.js';
import { fail, ok, type Finding } from '../doctor/report.js';
import { checkTls } from '../doctor/tls.js';
import { table } from '../table.js';

export const doctor: Command = {
  name: 'doctor',
  usage: '[--config FILE]',
  summary: 'looks at everything a gateway needs: configuration, engines, Redis, folders, ports, clock, passwords',
  help: [
    CONFIG_HELP,
    '',
    'To be run where the gateway runs. Nothing is changed. Status 1 where anything fails, 2 on a wrong configuration.',
  ],
  options: CONFIG_OPTIONS,
  positionals: 0,
  async run(values, _positionals, terminal) {
    const file = String(values['config']);
    const show = (findings: readonly Finding[]) =>
      terminal.out(values['json'] ? JSON.stringify({ ok: healthy(findings), findings }) : draw(findings));
    let config: GatewayConfig;
    try {
      config = await loadConfig(file, terminal.env);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      show(error.issues.map((issue) => fail(`configuration ${file}`, formatIssue(issue))));
      return WRONG;
    }
    const findings = [ok(`configuration ${file}`, 'right'), ...(await examine(config))];
    show(findings);
    return healthy(findings) ? OK : FAILED;
  },
};

async function examine(config: GatewayConfig): Promise<Finding[]> {
  const found = await Promise.all([
    examineEngines(config),
    checkRedis(config.redis, config.gateway.id),
    Promise.all([
      checkFolder('spool', config.recordings.spool, config.recordings.minFree),
      checkFolder('recordings', config.recordings.directory, config.recordings.minFree),
      checkHttp(config.http),
    ]),
  ]);
  return [...found.flat(), ...(await checkEncoder(config)), ...checkWebhooks(config), ...checkPasswords(config)];
}

async function examineEngines(config: GatewayConfig): Promise<Finding[]> {
  const { engines } = config;
  if (engines.mode === 'sandbox') {
    const { hostname, port } = new URL(engines.sandbox.sip.replace('udp+tcp:', 'http:'));
    const { tls } = engines.sandbox;
    const secure = await checkTls(tls ? [{ host: hostname, port: tls.port }] : [], config);
    return [await checkSip(hostname, Number(port)), ...secure];
  }
  const found = await Promise.all([
    engines.drachtio ? checkDrachtio(engines.drachtio, config) : [],
    Promise.all(engines.freeswitch.map(checkFreeSwitch)),
  ]);
  return found.flat();
}

const healthy = (findings: readonly Finding[]): boolean => findings.every(({ result }) => result !== 'fail');

function draw(findings: readonly Finding[]): string {
  const count = (result: Finding['result']) => findings.filter((finding) => finding.result === result).length;
  const rows = findings.map(({ what, result, detail }) => [result, what, detail]);
  return `${table(['', 'what', ''], rows)}\n\n${count('ok')} ok, ${count('warn')} warn, ${count('fail')} fail`;
}
