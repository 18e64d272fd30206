import { backendConformance } from '../conformance/calls.js';
import { laneConformance } from '../conformance/lane.js';
import { callsOf, laneOf } from '../support/service-bench.js';
import { openJenkins } from './support/hook-service.js';

backendConformance('deploy-hook', callsOf(openJenkins), { means: { answers_nonsense: 'unknown' } });
laneConformance('deploy-hook', laneOf(openJenkins));
