/**
 * To look at the panel: `npx tsx test/doors/panel/preview.ts` serves every state on a port of its own. `npm run screenshots` takes
 * pictures of all of them instead (screenshots.ts).
 */
import { scenarios } from './support/scenarios.js';
import { servePanel } from './support/serve-panel.js';

let port = 4400;
for (const [name, scenario] of Object.entries(scenarios(Date.now()))) {
  const options = { ...scenario.options, port: port++, realTime: true, cache: false };
  const served = await servePanel(scenario.services(), options);
  console.log(`${name.padEnd(20)} ${served.url}/panel/repository`);
  for (const one of scenario.services().deployments.slice(0, name === 'everything' ? 20 : 0)) {
    console.log(`${' '.repeat(20)} ${served.url}/d/${one.pageToken}`);
  }
}
