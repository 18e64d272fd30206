import { statfs } from 'node:fs/promises';
import type { Config } from '../config/config.js';
import { databaseInWords } from '../config/database-url.js';
import { fine, note, problem, type Finding } from '../core/diagnosis.js';
import { SlipwayError } from '../core/errors.js';
import { createOutboundHttp } from '../lib/outbound-http.js';
import { examineDatabase } from '../storage/examine.js';
import { addressFinding, bitbucketFindings } from './bitbucket.js';
import {
  connectFindings,
  credentialFindings,
  databaseFindings,
  grantFindings,
  hookFindings,
  keyFindings,
} from './database.js';
import { nodeFindings } from './nodes.js';

export interface Patient {
  /** Null: it has problems, and only the data folder is known. */
  config: Readonly<Config> | null;
  dataDir: string;
  /** `postgres://…`; null: SQLite in the data folder. */
  databaseUrl: string | null;
  /** Fingerprints of the master keys at hand; null: none is known. */
  masterKeys: readonly string[] | null;
  /** Where the running server is reached; null: none runs. */
  baseUrl: string | null;
  clock: () => number;
}

const leastFreeBytes = 512 * 1024 * 1024;

/** Looks at everything and changes nothing. Never throws for what it looks at: that is a finding. */
export async function diagnose(patient: Patient): Promise<Finding[]> {
  const [stored, outside] = await Promise.all([lookInside(patient), lookOutside(patient)]);
  return [...stored, await diskFinding(patient.dataDir), ...outside];
}

async function lookInside(patient: Patient): Promise<Finding[]> {
  const { config, dataDir, masterKeys, clock } = patient;
  try {
    const found = await examineDatabase(patient, clock);
    const where = databaseInWords(config?.database ?? { kind: 'sqlite' }, dataDir);
    const now = clock();
    return [
      ...keyFindings(found, masterKeys),
      ...databaseFindings(found, where),
      ...nodeFindings(found, now),
      ...hookFindings(found, now),
      ...grantFindings(found, now),
      ...credentialFindings(found, now),
      ...connectFindings(found, now),
    ];
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    // The first start makes one.
    if (error.code === 'config_invalid' && patient.databaseUrl === null) {
      return [note('database', lastLine(error.message))];
    }
    if (error.code === 'config_invalid') {
      return [problem('database', lastLine(error.message), error.advice)];
    }
    return [problem('database', error.message, error.advice)];
  }
}

async function lookOutside({ config, baseUrl, clock }: Patient): Promise<Finding[]> {
  if (!config) return [];
  const { bitbucketUrl, bitbucketApiUrl, bitbucketIsLoopback } = config;
  const local = baseUrl === null ? [] : [baseUrl];
  const http = createOutboundHttp({
    userAgent: 'Slipway',
    allowPlainHttpHosts: bitbucketIsLoopback
      ? [bitbucketUrl, bitbucketApiUrl, ...local].map((url) => new URL(url).host)
      : [],
  });
  try {
    const findings = await bitbucketFindings(config, http, clock);
    if (baseUrl !== null) findings.push(await addressFinding(baseUrl, http, clock));
    return findings;
  } finally {
    http.close();
  }
}

async function diskFinding(dataDir: string): Promise<Finding> {
  try {
    const { bavail, bsize } = await statfs(dataDir);
    const free = bavail * bsize;
    const says = `${Math.floor(free / 1024 / 1024).toLocaleString('en')} MB are free in ${dataDir}.`;
    if (free >= leastFreeBytes) return fine('disk', says);
    return problem('disk', says, 'Make room: a full disk stops every push from being stored.');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return note('disk', `The data folder ${dataDir} cannot be looked at (${code}).`);
  }
}

function lastLine(text: string): string {
  return (text.trim().split('\n').at(-1) ?? text).replace(/^\s*- /, '');
}
