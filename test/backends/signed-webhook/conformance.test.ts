import { openConformanceBench } from './support/bench.js';
import { backendConformance } from './support/conformance.js';

backendConformance('signed-webhook', openConformanceBench);
