import { timingSafeEqual } from 'node:crypto';

import type { Exchange } from '../http/exchange.js';
import type { OAuthConsumer } from '../state/model.js';
import type { World } from '../world.js';
import { unauthorizedClient } from './errors.js';

/** Client authentication is HTTP Basic with key and secret, nothing else (bitbucket-api §1.3). */
export function authenticateClient(world: World, exchange: Exchange): OAuthConsumer {
  const [scheme = '', value = ''] = (exchange.header('authorization') ?? '').split(' ');
  if (scheme.toLowerCase() !== 'basic') throw unauthorizedClient();
  const pair = Buffer.from(value, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  const consumer = colon < 0 ? undefined : world.state.oauth.consumer(pair.slice(0, colon));
  if (!consumer || !equal(pair.slice(colon + 1), consumer.secret)) throw unauthorizedClient();
  return consumer;
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
