import { readFile } from 'node:fs/promises';
import { until } from './until.js';

/** Resolves when some process is bound to `address:port`: seen in the kernel's table, so nothing is sent to it. */
export async function portBound(protocol: 'udp' | 'tcp', address: string, port: number): Promise<void> {
  const hexAddress = address
    .split('.')
    .reverse()
    .map((octet) => Number(octet).toString(16).padStart(2, '0'))
    .join('');
  const entry = `${hexAddress}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
  await until(`${protocol} ${address}:${port} in use`, async () => {
    const table = await readFile(`/proc/net/${protocol}`, 'utf8');
    return table.includes(` ${entry} `);
  });
}
