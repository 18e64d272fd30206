import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLoopback, parseConfig } from '../../src/config/config.js';
import { databaseInWords } from '../../src/config/database-url.js';
import { readEnv } from '../../src/config/env.js';
import { ConfigError } from '../../src/core/errors.js';
import { tempFolder } from '../support/temp-folder.js';

const key = randomBytes(32).toString('base64');
const production = { SLIPWAY_BASE_URL: 'https://slipway.example.com', SLIPWAY_MASTER_KEY: key };
const problemsOf = (env: object): readonly string[] => {
  try {
    parseConfig(env);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
};

describe('configuration', () => {
  it('needs only an address and a key', () => {
    const { config, secrets } = parseConfig(production);
    assert.equal(config.port, 3000);
    assert.equal(config.bitbucketUrl, 'https://bitbucket.org');
    assert.equal(config.localBackend, false);
    assert.equal(secrets.masterKey?.toString('base64'), key);
    assert.ok(Object.isFrozen(config));
  });

  it('reports every problem at once, in words, without repeating a secret', () => {
    const problems = problemsOf({
      PORT: '99999',
      SLIPWAY_BASE_URL: 'http://slipway.example.com',
      SLIPWAY_MASTER_KEY: 'c2hvcnQ=',
      SLIPWAY_LOG_LEVEL: 'loud',
    });
    const text = problems.join('\n');
    for (const name of ['PORT', 'SLIPWAY_BASE_URL', 'SLIPWAY_MASTER_KEY', 'SLIPWAY_LOG_LEVEL']) {
      assert.ok(text.includes(name), `${name} is named in\n${text}`);
    }
    assert.equal(problems.length, 4);
    assert.ok(!text.includes('c2hvcnQ='));
  });

  it('asks for an address and a key where Bitbucket is the real one', () => {
    assert.match(problemsOf({}).join('\n'), /SLIPWAY_BASE_URL is not set/);
    assert.match(
      problemsOf({ SLIPWAY_BASE_URL: 'https://slipway.example.com' }).join('\n'),
      /SLIPWAY_MASTER_KEY is not set/,
    );
  });

  it('wants key and secret of the OAuth consumer together, of any length', () => {
    const id = { SLIPWAY_OAUTH_CLIENT_ID: 'k' };
    const secret = { SLIPWAY_OAUTH_CLIENT_SECRET: 'ATOA-something-long' };
    assert.match(problemsOf({ ...production, ...id }).join(), /SLIPWAY_OAUTH_CLIENT_SECRET is not/);
    const lonely = problemsOf({ ...production, ...secret }).join();
    assert.match(lonely, /SLIPWAY_OAUTH_CLIENT_ID is not/);
    assert.doesNotMatch(lonely, /ATOA/);
    const both = parseConfig({ ...production, ...id, ...secret });
    assert.equal(both.config.oauthClientId, 'k');
    assert.ok(!JSON.stringify(both.config).includes('ATOA'));
  });

  it('takes a PostgreSQL by its address alone, and shows where it is without the password', () => {
    const url = 'postgres://slipway:pass%40word@db.example.com:6432/slip%20way?sslmode=verify-full';
    const { config, secrets } = parseConfig({ ...production, DATABASE_URL: url });
    const address = { kind: 'postgres', host: 'db.example.com', port: 6432, name: 'slip way' };
    assert.deepEqual(config.database, address);
    assert.equal(secrets.databaseUrl, url);
    assert.ok(!JSON.stringify(config).includes('pass'));
    assert.equal(
      databaseInWords(config.database, '/data'),
      'PostgreSQL at db.example.com:6432, database slip way',
    );
    const onSocket = { DATABASE_URL: 'postgresql:///slipway?host=/run/postgresql' };
    assert.deepEqual(parseConfig({ ...production, ...onSocket }).config.database, {
      ...{ kind: 'postgres', host: '/run/postgresql', port: 5432, name: 'slipway' },
    });
    assert.deepEqual(parseConfig(production).config.database, { kind: 'sqlite' });
    assert.equal(parseConfig(production).secrets.databaseUrl, null);
  });

  it('says what is wrong with the address of a database, and never repeats it', () => {
    for (const [text, words] of [
      ['mysql://u:letmein@h/d', /must look like postgres:/],
      ['letmein', /must look like postgres:/],
      ['postgres://u:letmein@h', /names no database/],
      ['postgres://u:letmein@h/a/b', /names no database/],
      ['postgres:///d', /names no host/],
      ['postgres://u:letmein@h/d?sslmode=prefer', /sslmode that Slipway does not take/],
      ['postgres://u:letmein@h/d?sslmode=verify_full', /sslmode that Slipway does not take/],
      ['postgres://u:letmein@h/d?sslmode=verify-ca', /without the authority/],
      ['postgres://u:letmein@h/d?sslmode=verify-ca&sslrootcert=system', /without the authority/],
      ['postgres://u:letmein@h/d?sslrootcert=/ca.pem', /Add sslmode=verify-full/],
    ] as const) {
      const problems = problemsOf({ ...production, DATABASE_URL: text });
      assert.match(problems.join(), words);
      assert.ok(!problems.join().includes('letmein'));
    }
  });

  it('allows plain http exactly when Bitbucket is on this machine', () => {
    const sandbox = {
      SLIPWAY_BITBUCKET_URL: 'http://127.0.0.1:7990',
      SLIPWAY_BITBUCKET_API_URL: 'http://127.0.0.1:7990',
    };
    const { config } = parseConfig(sandbox);
    assert.ok(config.bitbucketIsLoopback && config.localBackend);
    assert.equal(config.host, '127.0.0.1');
    assert.match(
      problemsOf({ ...sandbox, SLIPWAY_BITBUCKET_API_URL: 'https://api.bitbucket.org' }).join('\n'),
      /both be on this machine, or neither/,
    );
    assert.match(
      problemsOf({ ...production, SLIPWAY_BITBUCKET_URL: 'http://bitbucket.example' }).join('\n'),
      /must use https/,
    );
  });

  it('knows loopback by its address, not by looks', () => {
    for (const url of [
      'http://127.0.0.1',
      'http://127.9.9.9:1',
      'http://localhost',
      'http://[::1]:3',
    ]) {
      assert.ok(isLoopback(url), url);
    }
    for (const url of [
      'http://127.0.0.1.example.com',
      'http://10.0.0.1',
      'https://localhost.example',
    ]) {
      assert.ok(!isLoopback(url), url);
    }
  });

  it('reads a secret from the file that NAME_FILE names, and says when it cannot', () => {
    const folder = tempFolder('config');
    const file = join(folder.path, 'key');
    writeFileSync(file, `${key}\n`);
    assert.deepEqual(readEnv({ SLIPWAY_MASTER_KEY_FILE: file }), {
      env: { SLIPWAY_MASTER_KEY: key },
      problems: [],
    });
    assert.match(readEnv({ SLIPWAY_MASTER_KEY_FILE: `${file}.gone` }).problems[0] ?? '', /ENOENT/);
    assert.match(
      readEnv({ SLIPWAY_MASTER_KEY: key, SLIPWAY_MASTER_KEY_FILE: file }).problems[0] ?? '',
      /both set/,
    );
    folder.remove();
  });

  it('reads the roles of a node, which may be parted only where there is a database for several', () => {
    assert.deepEqual(parseConfig(production).config.roles, { web: true, worker: true });
    const DATABASE_URL = 'postgres://slipway:not-a-secret@db.example.com/slipway';
    const web = parseConfig({ ...production, DATABASE_URL, SLIPWAY_ROLES: 'web' });
    assert.deepEqual(web.config.roles, { web: true, worker: false });
    const lonely = problemsOf({ ...production, SLIPWAY_ROLES: 'worker' }).join();
    assert.match(lonely, /SLIPWAY_ROLES leaves out a role, which needs DATABASE_URL/);
    for (const SLIPWAY_ROLES of ['web,cron', ',']) {
      assert.match(
        problemsOf({ ...production, SLIPWAY_ROLES }).join(),
        /may be web, worker or both/,
      );
    }
  });
});
