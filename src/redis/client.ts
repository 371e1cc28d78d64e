import { Cluster, Redis, type ChainableCommander, type ClusterOptions, type RedisOptions } from 'ioredis';
import type { RedisConfig } from '../config/schema.js';

/** Where Redis is: one server, the sentinels that know which of several it is, or nodes of a cluster. */
export type RedisAddress = Pick<RedisConfig, 'url' | 'sentinel'> & Partial<Pick<RedisConfig, 'cluster'>>;

export type RedisClient = Redis | Cluster;

/** What a gateway's own connection is called in `CLIENT LIST`. */
export const gatewayName = (id: string): string => `calltrack-${id}`;

const MAX_BACKOFF_MS = 1_000;

const backOff = (times: number): number => Math.min(50 * 2 ** Math.min(times, 10), MAX_BACKOFF_MS);

/** A client that never waits for a server that is away, and never repeats by itself what was under way. */
export function openClient(address: RedisAddress, connectionName: string, timeoutMs: number): RedisClient {
  const options: RedisOptions = {
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: timeoutMs * 2,
    disableClientInfo: true,
    connectionName,
    noDelay: true,
  };
  if (address.cluster?.length) return openCluster(address.url, address.cluster, options, timeoutMs);
  return new Redis(address.url, {
    ...options,
    enableOfflineQueue: false,
    retryStrategy: backOff,
    // After a failover the old master answers as a replica: look for the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...bySentinel(address, timeoutMs),
  });
}

/** The servers' user, password, database and TLS stay those of the URL. */
function bySentinel({ url, sentinel }: RedisAddress, timeoutMs: number): RedisOptions {
  if (!sentinel) return {};
  const { name, nodes, username, password, tls } = sentinel;
  return {
    name,
    sentinels: nodes.map(hostAndPort),
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(tls ? { sentinelTLS: {} } : {}),
    enableTLSForSentinelMode: isTls(url),
    sentinelCommandTimeout: timeoutMs,
    sentinelRetryStrategy: backOff,
  };
}

/** Of the URL user, password and TLS count: where the nodes are, those that are named say. */
function openCluster(url: string, nodes: readonly string[], redisOptions: RedisOptions, timeoutMs: number): Cluster {
  const { username, password } = new URL(url);
  const options: ClusterOptions = {
    enableOfflineQueue: false,
    clusterRetryStrategy: backOff,
    slotsRefreshTimeout: timeoutMs,
    // What cannot be done now fails: whoever asked knows whether it may be repeated.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    redisOptions: {
      ...redisOptions,
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      ...(isTls(url) ? { tls: {} } : {}),
    },
    // By name, since a certificate is for a name.
    ...(isTls(url) ? { dnsLookup: (address, callback) => callback(null, address) } : {}),
  };
  return new Cluster(nodes.map(hostAndPort), options);
}

const isTls = (url: string): boolean => url.toLowerCase().startsWith('rediss:');

function hostAndPort(node: string): { host: string; port: number } {
  const { hostname, port } = new URL(`redis://${node}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** The servers that write: one, or each master of a cluster. */
export const writersOf = (client: RedisClient): Redis[] =>
  client instanceof Cluster ? client.nodes('master') : [client];

/**
 * Sends each command when it is called, to whichever server has its key, and puts its reply into `replies`. ioredis' own
 * pipelines know one server only, and what they build around a few commands costs more than these do.
 */
export function sendEach(client: RedisClient, replies: Promise<unknown>[]): ChainableCommander {
  const pipe: ChainableCommander = new Proxy({} as ChainableCommander, {
    get:
      (_target, command: string) =>
      (...args: unknown[]) => {
        const send = Reflect.get(client, command) as (...args: unknown[]) => Promise<unknown>;
        replies.push(Reflect.apply(send, client, args));
        return pipe;
      },
  });
  return pipe;
}
