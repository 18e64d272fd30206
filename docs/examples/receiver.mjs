// A receiver for Slipway's "Signed webhook" backend: Node 20 or newer, no dependencies. Put TLS in front of it.
//   SECRET=whsec_… FOLDER=./releases PORT=8080 node receiver.mjs
// With BUILD (a shell command that leaves index.html in dist/) it clones, builds and serves; PUBLIC_URL is what it says it serves at.
/* global process, Buffer, fetch, console */
import { execFile } from 'node:child_process';
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';

const { SECRET, FOLDER = './releases', PORT = '8080', BUILD, PUBLIC_URL } = process.env;
const program = promisify(execFile);
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
    .then(() =>
      report(run.isCancelled ? 'stopped' : 'live', { commit: commit.hash, url: address() }),
    )
    .catch((error) => report('failed', { message: error.message }))
    .catch((error) => console.error(error.message))
    .finally(() => (run.isOver = true));
  return [202, { external_id: deployment_id }];
}

/** In a folder of its own: what is served stays as it is until this one is whole. */
async function build(folder, { username, password, clone_url }, hash) {
  mkdirSync(folder, { recursive: true });
  const { PATH, HOME } = process.env; // and not the secret
  // The credential goes through the environment: never into an address, a command line or .git/config.
  const basic = Buffer.from(`${username}:${password}`).toString('base64');
  const auth = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'http.extraHeader' };
  const env = { PATH, HOME, ...auth, GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}` };
  await program('git', ['init', '--quiet'], { cwd: folder, env });
  await program('git', ['fetch', '--quiet', '--depth=1', clone_url, hash], { cwd: folder, env });
  await program('git', ['checkout', '--quiet', 'FETCH_HEAD'], { cwd: folder, env });
  await program('sh', ['-c', BUILD], { cwd: folder, env: { PATH, HOME } }).catch(({ stderr }) => {
    throw new Error(stderr.trim().split('\n').at(-1) || 'the build failed');
  });
}

/** Undefined where nothing is served. */
const address = () =>
  BUILD ? (PUBLIC_URL ?? `http://localhost:${server.address().port}/`) : undefined;

function serve(response) {
  const current = existsSync(file('current')) ? JSON.parse(readFileSync(file('current'))) : null;
  const page = current && join(FOLDER, current.folder, 'dist/index.html');
  const found = BUILD && page !== null && existsSync(page);
  response.writeHead(found ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' });
  response.end(found ? readFileSync(page) : 'Nothing is deployed here yet.');
}

async function deploy(run, { credential_url, credential_token: token, commit, deployment_id }) {
  const answer = await call(credential_url, 'credential.requested', { token });
  const credential = await answer.json(); // username, password, clone_url, expires_at
  const { username, clone_url } = credential;
  const facts = { commit: commit.hash, folder: deployment_id.replace(/\W/g, '') };
  if (BUILD) await build(join(FOLDER, facts.folder), credential, commit.hash);
  writeFileSync(file(deployment_id), JSON.stringify({ ...facts, clone_url, username }));
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
  if (request.method === 'GET') return serve(response);
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
