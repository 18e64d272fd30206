import { backendConformance } from '../conformance/calls.js';
import { laneConformance } from '../conformance/lane.js';
import { callsOf, laneOf, saysNoAloud } from '../support/service-bench.js';
import { openRender } from './support/render-service.js';

backendConformance('render', callsOf(openRender), {
  without: saysNoAloud,
  means: { answers_nonsense: 'unknown' },
});
laneConformance('render', laneOf(openRender), { without: saysNoAloud });
