import { backendConformance } from '../conformance/calls.js';
import { laneConformance } from '../conformance/lane.js';
import { laneOf } from '../support/service-bench.js';
import { openConformanceBench } from './support/bench.js';
import { openReceiver } from './support/receiver-service.js';

backendConformance('signed-webhook', openConformanceBench);
laneConformance('signed-webhook', laneOf(openReceiver), { takesNonsenseFor: 'refusal' });
