import { request } from 'node:http';

export type Health = { kind: 'healthy' } | { kind: 'silent' } | { kind: 'unwell'; status: number };

const answerTimeoutMs = 5000;

/** Asks once. Without a health path any answer below 500 will do: many apps have nothing at `/`. */
export function askHealth(port: number, healthPath: string): Promise<Health> {
  return new Promise((resolve) => {
    const call = request({
      host: '127.0.0.1',
      port,
      path: healthPath === '' ? '/' : healthPath,
      headers: { 'user-agent': 'Slipway health check' },
      timeout: answerTimeoutMs,
      agent: false,
    });
    call.on('response', (answer) => {
      const status = answer.statusCode ?? 500;
      answer.destroy();
      const isFine = healthPath === '' ? status < 500 : status >= 200 && status < 400;
      resolve(isFine ? { kind: 'healthy' } : { kind: 'unwell', status });
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve({ kind: 'silent' }));
    call.end();
  });
}
