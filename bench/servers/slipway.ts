import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { Context } from '../../src/context.js';
import type { DoorVerification, EventDoor, RawDelivery } from '../../src/doors/event-door.js';
import { hookSource } from '../lib/seed.js';
import { tenant } from '../lib/pushes.js';
import { loadDist } from './dist.js';
import { ready } from './listen.js';

/**
 * Slipway with a door of the bench's own: `X-Hub-Signature` on `/hooks/…`, over the same intake and store as the others.
 * Everything else is what `startServer` puts together; wherever this door is not needed, `dist/cli.js start` is measured.
 */
const dist = await loadDist();

function hookDoor(context: Context): EventDoor {
  const verify = ({ headers, body }: RawDelivery): DoorVerification => {
    const sent = Buffer.from(String(headers['x-hub-signature'] ?? ''));
    const due = createHmac('sha256', tenant.hookSecret).update(body).digest('hex');
    const isSigned = sent.length === 71 && timingSafeEqual(sent, Buffer.from(`sha256=${due}`));
    return isSigned
      ? { ok: true, source: hookSource, workspaceUuid: tenant.workspaceUuid }
      : { ok: false, why: 'bad_signature' };
  };
  return {
    door: 'oauth',
    path: '/hooks/',
    verify: (delivery) => Promise.resolve(verify(delivery)),
    parse: (delivery) => context.connect.events.parse(delivery),
  };
}

const { env, problems } = dist.readEnv();
const { config, secrets } = dist.parseConfig(env, problems);
const url = `http://127.0.0.1:${config.port}`;
const context = await dist.createContext(config, secrets, url, dist.createLogger(config.logLevel));
// In front of the real one: it speaks for a whole workspace, so that one address can be measured with many repositories.
const doors = [hookDoor(context), ...context.intake.doors];
const server = createServer(
  dist.createHandler({ ...context, intake: { ...context.intake, doors } }),
);
await new Promise<void>((resolve) => server.listen(config.port, '127.0.0.1', resolve));
await context.start();
ready(config.port);
process.once('SIGTERM', () => {
  server.closeAllConnections();
  void context.stop().then(() => process.exit(0));
});
