import type { CloneCredential } from '../core/backend.js';
import type { Deployment } from '../core/model/index.js';
import type { DeploymentWrites } from '../core/ports.js';

/** Keeps which credential a deployment is cloned with, for its story; after a refusal, which one came next. */
export async function noteCredential(
  deployment: Pick<Deployment, 'id' | 'clonedWith'>,
  { name }: Pick<CloneCredential, 'name'>,
  storage: {
    write<T>(
      work: (tx: { deployments: Pick<DeploymentWrites, 'update'> }) => Promise<T>,
    ): Promise<T>;
  },
): Promise<void> {
  if (deployment.clonedWith === name) return;
  await storage.write((tx) => tx.deployments.update(deployment.id, { clonedWith: name }));
}
