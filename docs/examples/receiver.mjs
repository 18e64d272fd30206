// A receiver for Slipway's "Signed webhook" backend: Node 20 or newer, no dependencies. Put TLS in front of it.
//   SECRET=whsec_… FOLDER=./releases PORT=8080 node receiver.mjs
/* global process, Buffer, fetch, console */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const { SECRET, FOLDER = './releases', PORT = '8080' } = process.env;
const key = Buffer.from(SECRET.replace('whsec_', ''), 'base64');
const file = (name) => join(FOLDER, `${name.replace(/\W/g, '')}.json`);
const runs = new Map(); // by deployment; a real receiver keeps these two in its database
const newestFencing = new Map(); // by target

const mac = (id, time, body) =>
  createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest();

function isSigned(headers, body) {
  const [id, time, list] = ['id', 'timestamp', 'signature'].map((it) => headers[`webhook-${it}`]);
  if (!(Math.abs(Date.now() / 1000 - time) < 300)) return false;
  const right = mac(id, time, body);
  const given = `${list}`
    .split(' ')
    .map((entry) => Buffer.from(entry.replace('v1,', ''), 'base64'));
  return given.some((one) => one.length === right.length && timingSafeEqual(one, right));
}

/** Signed like what we get. A real receiver sends again what is not answered, under the same id. */
async function call(url, type, data) {
  const [id, time] = [`msg_${randomUUID()}`, `${Math.floor(Date.now() / 1000)}`];
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data });
  const signature = `v1,${mac(id, time, body).toString('base64')}`;
  const headers = { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature };
  const answer = await fetch(url, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`${type} was answered ${answer.status}`);
  return answer;
}

/** Answers at once; the work goes on, and is reported under a sequence that only grows. */
function start({ deployment_id, callback_url, fencing, target, commit }, work) {
  if (runs.has(deployment_id)) return [202]; // sent again, not done again
  if (fencing < (newestFencing.get(target.id) ?? 0)) return [409];
  newestFencing.set(target.id, fencing);
  const run = { sequence: 0, isCancelled: false, isOver: false };
  runs.set(deployment_id, run);
  const report = (state, more) =>
    call(callback_url, `deployment.${state}`, { deployment_id, sequence: ++run.sequence, ...more });
  report('building')
    .then(() => work(run))
    .then(() => report(run.isCancelled ? 'stopped' : 'live', { commit: commit.hash }))
    .catch((error) => report('failed', { message: error.message }))
    .catch((error) => console.error(error.message))
    .finally(() => (run.isOver = true));
  return [202, { external_id: deployment_id }];
}

async function deploy(run, { credential_url, credential_token: token, commit, deployment_id }) {
  const answer = await call(credential_url, 'credential.requested', { token });
  const { username, clone_url } = await answer.json(); // and password, expires_at
  // Here: clone, with the credential through GIT_ASKPASS and never in the address; check out commit.hash; build.
  writeFileSync(file(deployment_id), JSON.stringify({ commit: commit.hash, clone_url, username }));
  if (!run.isCancelled) copyFileSync(file(deployment_id), file('current'));
}

function cancel(run) {
  if (!run || run.isOver) return [409];
  run.isCancelled = true;
  return [202];
}

const handlers = {
  'target.ping': () => [204],
  'deployment.requested': (data) => start(data, (run) => deploy(run, data)),
  'deployment.rollback_requested': (data) =>
    existsSync(file(data.to.deployment_id))
      ? start(data, async () => copyFileSync(file(data.to.deployment_id), file('current')))
      : [422, { message: 'that release is gone' }],
  'deployment.cancel_requested': ({ deployment_id }) => cancel(runs.get(deployment_id)),
  'deployment.lookup_requested': ({ deployment_id }) => [200, { found: runs.has(deployment_id) }],
};

async function handle(request, response) {
  const body = Buffer.concat(await request.toArray());
  const message = isSigned(request.headers, body) ? JSON.parse(body) : null;
  const [status, answer] = handlers[message?.type]?.(message.data) ?? [message ? 422 : 401];
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(answer && JSON.stringify(answer));
}

mkdirSync(FOLDER, { recursive: true });
const server = createServer((request, response) => {
  handle(request, response).catch(() => response.destroy()); // for example: cut off while sending
});
server.listen(Number(PORT), () => console.log(`listening on ${server.address().port}`));
