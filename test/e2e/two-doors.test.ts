import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { json, serve, type Served } from '../chaos/support/http.js';
import type { PushLine } from '../chaos/support/hub.js';
import { isClean, judge, unfinished } from '../chaos/support/judge.js';
import { Random } from '../chaos/support/random.js';
import type { ReceiverLine } from '../chaos/support/receiver.js';
import { verifiedId, webhookKey } from '../chaos/support/signed.js';
import { forgeSettings, installForgeApp } from '../support/e2e/forge-app.js';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

const branches = Array.from({ length: 8 }, (_, index) => `line-${index}`);
const rounds = 25;
const seed = 'two doors';

interface Message {
  type: string;
  data: Record<string, unknown> & { target: { id: string } };
}

interface PushAnswer {
  changes: { ref_type: 'branch'; name: string; from: string | null; to: string }[];
  deliveries: string[];
}

/**
 * Two hundred moves of eight branches in one workspace that has the Connect app and the Forge app: real processes, real git,
 * real HTTP. Both doors tell of every move; copies are late, doubled, overtake each other, and one of the two may be lost.
 * The judge is the one of the chaos runs: it reads what the deploy backend wrote down, not our tables. A thousand pushes in the
 * same manner, without the processes around: `test/actions/two-doors.test.ts`.
 */
describe('Connect and Forge in one workspace, over HTTP', function () {
  this.timeout(90_000);
  const key = webhookKey(randomBytes(32));
  const carriedOut: ReceiverLine[] = [];
  const pushes: PushLine[] = [];
  const dice = new Random(seed);
  let stage: Stage;
  let receiver: Served;

  before(async () => {
    receiver = await serve(async (request, response, body) => {
      const id = verifiedId(key, request.headers, body);
      if (id === null) return void response.writeHead(401).end();
      const message = JSON.parse(body.toString('utf8')) as Message;
      if (message.type === 'deployment.requested') note(id, message);
      await Promise.resolve();
      json(response, 200, { state: 'live' });
    });
    stage = await Stage.open(forgeSettings);
    await stage.bench.control('POST', 'settings', { delivery_in_order: false });
    await stage.addTarget({
      name: 'Production',
      backend: 'signed-webhook',
      branchPattern: '**',
      'settings.url': `${receiver.url}/deploy`,
      'settings.secret': key.secret,
    });
    await installForgeApp(stage);
  });

  after(async () => {
    await stage?.close();
    await receiver?.close();
  });

  function note(webhookId: string, { data }: Message): void {
    const { repository, ref, commit, cause } = data as unknown as {
      repository: { full_name: string };
      ref: { type: string; name: string };
      commit: { hash: string };
      cause: { kind: string };
    };
    const deploymentId = String(data['deployment_id']);
    const isKnown = carriedOut.some((line) => line.deploymentId === deploymentId);
    carriedOut.push({
      at: Date.now(),
      verdict: isKnown ? 'repeat' : 'deployed',
      fate: 'take',
      webhookId,
      deploymentId,
      targetId: data.target.id,
      fencing: Number(data['fencing']),
      repository: repository.full_name,
      refType: ref.type,
      refName: ref.name,
      commit: commit.hash,
      cause: cause.kind,
    });
  }

  /** What becomes of the next delivery through one door; true: it is lost. */
  async function befall(event: string, mayBeLost: boolean): Promise<boolean> {
    const faults = {
      none: null,
      doubled: { duplicate: 'same_id' },
      late: { delay_ms: dice.int(50, 600) },
      lost: { drop: true },
    };
    const name = dice.weighted({ none: 45, doubled: 20, late: 30, lost: mayBeLost ? 5 : 0 });
    if (faults[name] !== null) {
      const fault = { on: 'delivery', event, times: 1, ...faults[name] };
      await stage.bench.control('POST', 'faults', fault);
    }
    return name === 'lost';
  }

  /** Moves every branch once, in one push; two times in five to where it was before. */
  async function push(round: number, heads: Map<string, string[]>): Promise<void> {
    const isLost = await befall('repo:push', true);
    await befall('avi:bitbucket:push:repository', !isLost);
    const changes = branches.map((branch, index) => {
      const been = heads.get(branch) ?? [];
      const back = round > 2 && (round + index) % 5 < 2 ? been.at(-2) : undefined;
      const files = { [`${branch}.txt`]: `${round}\n` };
      return back === undefined
        ? { branch, message: `${branch} ${round}`, files }
        : { branch, at: back, force: true };
    });
    const answer = await stage.bench.push({ changes });
    const { changes: moved, deliveries } = answer as unknown as PushAnswer;
    for (const { name, from, to } of moved) {
      heads.set(name, [...(heads.get(name) ?? []), to]);
      pushes.push({
        number: pushes.length + 1,
        at: Date.now(),
        event: deliveries[0] ?? '',
        repository: 'acme/site',
        refType: 'branch',
        isSkipped: false,
        ...{ name, from, to },
      });
    }
  }

  it('two hundred moves told by both: each deployed at most once, never backwards, the last of each branch live', async () => {
    const heads = new Map<string, string[]>();
    for (let round = 0; round < rounds; round += 1) await push(round, heads);
    await stage.bench.idle();
    const database = join(stage.dataDir, 'slipway.sqlite');
    await waitFor(
      'every deployment and build status to be over',
      async () => (await unfinished(database)).length === 0,
      { timeoutMs: 30_000, otherwise: () => stage.server.stderr },
    );
    // Every push was told of by one door at least, and so answered for.
    const acks = pushes.map(({ event, at }) => ({ event, at, delivery: event }));
    const verdict = await judge({ pushes, acks, statuses: [], receiver: carriedOut, database });
    // What the judge would say of events it looks for by their delivery ids.
    verdict.lost = verdict.lost.filter((words) => !words.startsWith('event '));
    assert.ok(isClean(verdict), JSON.stringify(verdict, null, 2));
    assert.equal(pushes.length, branches.length * rounds);
    for (const [branch, been] of heads) {
      const last = carriedOut.findLast(({ refName }) => refName === branch);
      assert.equal(last?.commit, been.at(-1), `${branch} ends with its head`);
    }
    const [told] = await stage.rows(
      `SELECT sum(CASE WHEN same_as IS NULL THEN 1 ELSE 0 END) AS firsts,
         sum(CASE WHEN same_as IS NULL THEN 0 ELSE 1 END) AS copies FROM ref_changes WHERE name LIKE 'line-%'`,
    );
    const { firsts, copies } = told as { firsts: number; copies: number };
    assert.equal(firsts, pushes.length, 'through two doors as many pushes as through one');
    assert.ok(copies >= pushes.length * 0.8, `only ${copies} came through both doors`);
  });
});
