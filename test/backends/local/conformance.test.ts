import { backendConformance } from '../conformance/calls.js';
import { laneConformance } from '../conformance/lane.js';
import { impossibleCalls, impossibleTroubles, openCalls, openLane } from './support/benches.js';

backendConformance('local', openCalls, { without: impossibleCalls });
laneConformance('local', openLane, { without: impossibleTroubles });
