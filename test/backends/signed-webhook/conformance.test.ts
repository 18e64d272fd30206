import { openConformanceBench } from './support/bench.js';
import { backendConformance } from '../conformance/calls.js';

backendConformance('signed-webhook', openConformanceBench);
