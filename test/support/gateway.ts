import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { createApp } from '../../src/app.js';
import { checkConfig } from '../../src/config/check.js';
import { configSchema, type GatewayConfig } from '../../src/config/schema.js';
import { Program } from './processes.js';
import { until } from './until.js';

/** A running gateway, in this process or in one of its own. */
export interface Gateway {
  /** Base address of its HTTP. */
  url: string;
  /** Takes this configuration for the next calls; with a process, some moments after this resolves. */
  reload(config: Record<string, unknown>): Promise<void>;
  stop(): Promise<void>;
}

/** `config` as an operator would write it. Resolves once the gateway says that it is ready for calls. */
export async function startGateway(config: Record<string, unknown>): Promise<Gateway> {
  const parsed = read(config);
  let present = parsed;
  const app = await createApp(parsed, pino({ level: parsed.log.level }), () => Promise.resolve(present));
  await app.start();
  const url = `http://${parsed.http.host}:${parsed.http.port}`;
  try {
    await ready(url);
  } catch (error) {
    await app.stop();
    throw error;
  }
  const reload = async (next: Record<string, unknown>): Promise<void> => {
    present = read(next);
    await app.reloads.reload();
  };
  return { url, reload, stop: () => app.stop() };
}

/** What does not pass `config check` could never run. */
function read(config: Record<string, unknown>): GatewayConfig {
  const parsed = configSchema.parse(config);
  expect(checkConfig(config)).toEqual([]);
  return parsed;
}

/** The gateway as a process, which a test may kill as a crash would. */
export async function startGatewayProcess(
  config: Record<string, unknown>,
  configFile: string,
): Promise<Gateway & { program: Program }> {
  await writeFile(configFile, stringify(config));
  const parsed = configSchema.parse(config);
  const entry = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const program = new Program(process.execPath, ['--import', 'tsx', entry, '--config', configFile]);
  const url = `http://${parsed.http.host}:${parsed.http.port}`;
  const died = program.exited.then((code) => {
    throw new Error(`the gateway ended with ${code}:\n${program.output}`);
  });
  try {
    await Promise.race([ready(url), died]);
  } catch (error) {
    await program.stop();
    throw error;
  }
  const reload = async (next: Record<string, unknown>): Promise<void> => {
    await writeFile(configFile, stringify(next));
    program.kill('SIGHUP');
  };
  return { url, program, reload, stop: () => program.stop(15_000) };
}

async function ready(url: string): Promise<void> {
  await until('the gateway is ready', async () => (await fetch(`${url}/readyz`)).ok);
}
