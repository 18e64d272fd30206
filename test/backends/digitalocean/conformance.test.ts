import { backendConformance } from '../conformance/calls.js';
import { laneConformance } from '../conformance/lane.js';
import { saysNoAloud } from '../support/service-bench.js';
import { openCalls, openLane } from './support/bench.js';

// It is read before anything is started, so most trouble is met before that, where nothing can be in doubt.
backendConformance('digitalocean', openCalls, {
  without: saysNoAloud,
  means: {
    answers_nonsense: 'retry',
    fails: 'retry',
    redirects: 'rejected',
  },
});
laneConformance('digitalocean', openLane, { without: saysNoAloud });
