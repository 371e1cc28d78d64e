import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/lib/errors.js';
import { createLogger, maskNumber } from '../../../src/observability/logger.js';

function capture(level: 'info' | 'silent' = 'info') {
  const lines: string[] = [];
  const logger = createLogger({ level, gateway: 'gw-1', destination: { write: (line) => lines.push(line) } });
  return { lines, logger, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
}

describe('createLogger', () => {
  it('writes one JSON object a line', () => {
    const { lines, logger, last } = capture();
    logger.child({ callId: 'c-1' }).info({ trunk: 'a' }, 'call received\nsecond line');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.trim()).not.toContain('\n');
    expect(last()).toMatchObject({ level: 'info', gateway: 'gw-1', callId: 'c-1', trunk: 'a' });
    expect(last()['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it('lets no secret through', () => {
    const { lines, logger } = capture();
    logger.info({ secret: 'hunter2', auth: { password: 'hunter2', x: { token: 'hunter2' } } }, 'x');
    logger.info({ headers: { authorization: 'hunter2' }, endpoint: { config: { secret: 'hunter2' } } }, 'x');
    logger.child({ password: 'hunter2' }).info('x');
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).toContain('[redacted]');
  });

  it('masks numbers where somebody forgot to', () => {
    const { lines, logger, last } = capture();
    logger.info(
      { caller: '+79160000001', trackingNumber: '+74951111111', from: 'sip:+79160000001@10.0.0.1:5060' },
      'x',
    );
    expect(last()).toMatchObject({
      caller: '+7916***0001',
      trackingNumber: '+7495***1111',
      from: 'sip:+7916***0001@10.0.0.1:5060',
    });
    logger.info({ caller: { number: '+79160000001', withheld: false, name: 'Ivan' } }, 'x');
    expect(last()['caller']).toEqual({ number: '+7916***0001', withheld: false, name: 'Ivan' });
    logger.error({ reason: 'HTTP 422: {"error":"no contact with +79160000001"}' }, 'x');
    expect(last()['reason']).toBe('HTTP 422: {"error":"no contact with +7916***0001"}');
    logger.info({ caller: null, trackingNumber: null }, 'x');
    expect(last()).toMatchObject({ caller: null, trackingNumber: null });
    logger.error({ err: new GatewayError('GW_ERR_SIP_TARGET', 'no way to sip:89160000001@10.0.0.1') }, 'x');
    expect(lines.join('')).not.toMatch(/9160000001|4951111111/);
    expect(last()['err']).toMatchObject({ code: 'GW_ERR_SIP_TARGET', type: 'GatewayError' });
    const refused = Object.assign(new Error('refused'), {
      status: 488,
      res: { msg: { raw: 'a=crypto:1 X inline:k+1' } },
    });
    logger.error({ err: refused }, 'x');
    expect(last()['err']).toMatchObject({ status: 488, message: 'refused' });
    expect(lines.join('')).not.toContain('inline');
    logger.error({ err: 'thrown as text' }, 'x');
    expect(last()['err']).toBe('thrown as text');
  });

  it('can be silent', () => {
    const { lines, logger } = capture('silent');
    logger.fatal('x');
    expect(lines).toEqual([]);
  });
});

describe('maskNumber', () => {
  it.each([
    ['+79160000001', '+7916***0001'],
    ['+493012345', '+4930***2345'],
    ['101', '10***'],
    ['', '***'],
    [null, null],
  ])('%s → %s', (number, masked) => {
    expect(maskNumber(number)).toBe(masked);
  });
});
