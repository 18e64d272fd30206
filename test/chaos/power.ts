import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildLibrary, PreloadedPowerCut } from './support/power-cut.js';
import { isClean, type Verdict } from './support/judge.js';
import { Random } from './support/random.js';
import { printVerdict } from './support/report.js';
import { Run, type RunFigures } from './support/run.js';

/**
 * `npm run test:power [-- --cuts N] [--seed S]`: the rounds of `test:chaos`, and with every kill the power goes: only what was
 * flushed is there after the restart. Then the same once more as `synchronous=NORMAL` would flush, which must lose something,
 * or the whole proof has no teeth. Exit 1 on any loss, or on none in the second part. Last line: the figures and the seed.
 */
const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '20' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
  },
});
const cuts = Number(values.cuts);
if (!Number.isInteger(cuts) || cuts < 1) throw new Error('--cuts is a number above 0');
const { seed } = values;
const say = (line: string): void => console.log(line);

const folder = mkdtempSync(join(tmpdir(), 'slipway-power-'));
try {
  const built = buildLibrary(folder);
  if (built.ok) process.exitCode = await prove(built.library);
  else say(`power SKIPPED, nothing was proved: ${built.why}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function prove(library: string): Promise<0 | 1> {
  say(`power: ${cuts} cuts with FULL, then with NORMAL, seed ${seed}`);
  const full = await playFull(library);
  const normal = await playNormal(library);
  printVerdict(full.verdict, say);
  const { forgotten, refused, ackedAtTheEnd } = full.figures;
  const isInstalled = refused === 0 && ackedAtTheEnd > 0;
  if (!isInstalled) say('events are no longer taken after a cut: installation or keys are gone');
  const isWhole = isClean(full.verdict) && forgotten === 0 && isInstalled;
  const hasTeeth = normal.forgotten > 0;
  if (!hasTeeth) say('synchronous=NORMAL lost nothing: this run could not have seen a loss');
  const figures = {
    full: figuresOf(full.figures, full.verdict.lost.length),
    normal: figuresOf(normal, normal.forgotten),
  };
  say(`power ${isWhole && hasTeeth ? 'ok' : 'FAILED'}: ${JSON.stringify({ ...figures, seed })}`);
  return isWhole && hasTeeth ? 0 : 1;
}

function figuresOf(figures: RunFigures, lost: number): object {
  const { kills: cut, acknowledgements, refused, forgotten, seconds } = figures;
  return { cuts: cut, acknowledgements, refused, forgotten, lost, seconds };
}

function newRun(library: string, name: 'full' | 'normal'): Run {
  const random = new Random(`${seed}/${name}`);
  const home = join(folder, name);
  const powerCut = new PreloadedPowerCut({
    ...{ library, random },
    folder: home,
    normal: name === 'normal',
  });
  return new Run({ rounds: cuts, seed, powerCut, say });
}

async function playFull(library: string): Promise<{ figures: RunFigures; verdict: Verdict }> {
  const run = newRun(library, 'full');
  let verdict: Verdict | null = null;
  try {
    await run.setUp();
    await run.rounds();
    await run.settle();
    verdict = await run.judge();
    return { figures: await run.finish(), verdict };
  } finally {
    await run.close(verdict === null || !isClean(verdict));
  }
}

/** Counts only what was acknowledged and is gone after the restart; what follows from that is nobody's surprise. */
async function playNormal(library: string): Promise<RunFigures> {
  const run = newRun(library, 'normal');
  try {
    await run.setUp();
    // Or the first cut would take the installation with it, and no event would be acknowledged any more.
    await run.restartInOrder();
    await run.rounds();
    return await run.finish();
  } finally {
    await run.close(false);
  }
}
