import { backendConformance } from '../conformance/calls.js';
import { laneConformance } from '../conformance/lane.js';
import { callsOf, laneOf, saysNoAloud } from '../support/service-bench.js';
import { openVercel } from './support/vercel-service.js';

backendConformance('vercel', callsOf(openVercel), {
  without: saysNoAloud,
  means: { answers_nonsense: 'unknown' },
});
laneConformance('vercel', laneOf(openVercel), { without: saysNoAloud });
