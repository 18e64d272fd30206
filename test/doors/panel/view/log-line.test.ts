import assert from 'node:assert/strict';
import { usefulLine } from '../../../../src/doors/panel/view/log-line.js';

describe('the most useful line of a log', () => {
  for (const [what, lines, expected] of [
    [
      'npm’s own afterwords are no reason',
      [
        '> shop@1.0.0 build',
        "src/price.ts(4,7): error TS2304: Cannot find name 'tax'.",
        "src/price.ts(9,1): error TS1005: ';' expected.",
        'npm error code 2',
        'npm error path /build',
        'npm error A complete log of this run can be found in: /x.log',
      ],
      "src/price.ts(4,7): error TS2304: Cannot find name 'tax'.",
    ],
    [
      'a stack has its message',
      [
        'node:internal/modules/cjs/loader:1228',
        '  throw err;',
        "Error: Cannot find module './price'",
        '    at Module._resolve (node:internal/errors:1:1)',
        'Node.js v20.17.0',
      ],
      "Error: Cannot find module './price'",
    ],
    ['warnings are none', ['warning: failed to find a licence', 'done', ''], 'done'],
    ['nothing found is no trouble', ['0 errors', 'checked 12 files', '─────'], 'checked 12 files'],
    [
      'a script that is not there',
      ['npm error Missing script: "build"'],
      'npm error Missing script: "build"',
    ],
    ['nothing', ['', '  '], null],
    ['no log', null, null],
  ] as const) {
    it(what, () => {
      assert.equal(usefulLine(lines), expected);
    });
  }

  it('is cut where it is endless', () => {
    assert.equal(usefulLine([`error ${'x'.repeat(5_000)}`])?.length, 241);
  });
});
