import { backendConformance } from '../conformance/calls.js';
import { laneConformance } from '../conformance/lane.js';
import { callsOf, laneOf } from '../support/service-bench.js';
import { openCoolify } from './support/coolify-service.js';

backendConformance('coolify', callsOf(openCoolify), { means: { answers_nonsense: 'retry' } });
laneConformance('coolify', laneOf(openCoolify));
