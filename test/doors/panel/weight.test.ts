import assert from 'node:assert/strict';
import { get } from 'node:http';
import { scenarios } from './support/scenarios.js';
import { servePanel } from './support/serve-panel.js';

/** Bytes of the body as they come over the wire, as a browser asks for them. */
async function bytes(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': 'gzip, deflate, br' } }, (response) => {
      let sum = 0;
      response.on('data', (chunk: Buffer) => (sum += chunk.length));
      response.on('end', () => resolve(sum));
      response.on('error', reject);
    }).on('error', reject);
  });
}

describe('weight of the panel', () => {
  it('is under 60 kB for the first view, with everything on it', async () => {
    const everything = scenarios(Date.now())['everything'];
    assert.ok(everything);
    const served = await servePanel(everything.services());
    const parts = ['/panel/repository?jwt=x', '/public/panel.css', '/public/panel.js'];
    const sizes = await Promise.all(parts.map((part) => bytes(`${served.url}${part}`)));
    await served.close();
    assert.ok(sizes.every((size) => size > 1_000));
    const sum = sizes.reduce((all, size) => all + size, 0);
    assert.ok(sum < 60_000, `${sizes.join(' + ')} = ${sum}`);
  });
});
