import { systemClock } from '../lib/clock.js';
import type { SenderTimeouts, TlsConfig } from '../webhooks/http-poster.js';
import { amoCrmSink, type AmoCrmConfig } from './amocrm.js';
import { bitrix24Sink, type Bitrix24Config } from './bitrix24.js';
import { ga4Sink, type Ga4Config } from './ga4.js';
import { metricaSink, type MetricaConfig } from './metrica.js';
import { SinkChannel } from './sink-channel.js';
import type { Sink } from './sink.js';
import type { SinkPorts } from './steps.js';
import { templateSink, type TemplateConfig } from './template.js';

/** At most one of these makes an endpoint something else than a Standard Webhooks receiver. */
export interface SinkConfigs {
  template?: TemplateConfig | undefined;
  ga4?: Ga4Config | undefined;
  metrica?: MetricaConfig | undefined;
  amocrm?: AmoCrmConfig | undefined;
  bitrix24?: Bitrix24Config | undefined;
}

interface SinkEndpoint extends SinkConfigs {
  id: string;
  url: string;
  headers?: Readonly<Record<string, string>> | undefined;
  allowPrivate: boolean;
  tls?: TlsConfig | undefined;
}

interface Connection {
  /** Attempts at a time, at most. */
  inFlight: number;
  timeouts?: SenderTimeouts | undefined;
}

/** null for an ordinary receiver. */
export function openSink(endpoint: SinkEndpoint, connection: Connection, ports: SinkPorts): SinkChannel | null {
  const sink = sinkOf(endpoint, ports);
  return sink && new SinkChannel(sink, { ...connection, allowPrivate: endpoint.allowPrivate, tls: endpoint.tls });
}

function sinkOf(endpoint: SinkEndpoint, ports: SinkPorts): Sink | null {
  const { url, headers = {}, template, ga4, metrica, amocrm, bitrix24 } = endpoint;
  if (template) return templateSink(url, template, { ...headers });
  if (ga4) return ga4Sink(url, ga4);
  if (metrica) return metricaSink(url, metrica);
  if (amocrm) return amoCrmSink(endpoint, amocrm, ports, systemClock);
  return bitrix24 ? bitrix24Sink(endpoint, bitrix24, ports, systemClock) : null;
}
