import type { PanelContext } from './context.js';
import type { FormFacts } from './view/target-form.js';

/** What the form of a target needs to know before anything is chosen in it. */
export async function blankForm(context: PanelContext): Promise<FormFacts> {
  return {
    targets: await context.services.read.targets.ofRepository(context.repository.id),
    repository: context.repository,
    backends: context.services.backends,
    target: null,
    backendId: null,
    typed: null,
    problem: null,
    canCancel: true,
  };
}
