import { Router } from 'express';

export interface Health {
  /** Resolves when a row can be read; rejects otherwise. */
  database(): Promise<unknown>;
}

/** `/healthz`: the process answers. `/readyz`: it can do its work, too. */
export function createOpsRouter(health: Health): Router {
  const router = Router();
  router.get('/healthz', (_request, response) => {
    response.type('text').send('ok\n');
  });
  router.get('/readyz', (_request, response) => {
    health.database().then(
      () => response.type('text').send('ready\n'),
      () => response.status(503).type('text').send('the database cannot be read\n'),
    );
  });
  return router;
}
