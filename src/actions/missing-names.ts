import { personLookup, repositoryLookup } from '../core/forge.js';
import type { Person, PersonKey, Repository } from '../core/model/index.js';
import type { Transaction } from '../core/ports.js';
import type { InboundEvent } from './accept-events.js';

const dayMs = 24 * 60 * 60_000;
/** People change their names, and are to be called by the new one some day. */
const askAgainAfterMs = 30 * dayMs;
/** Whom Bitbucket does not name may become a member, or we may be let. */
const askUnnamedAgainAfterMs = dayMs;

/**
 * Events of Forge carry ids only. What a repository is called that is new or was renamed, and who pushed, has to be asked for
 * (`resolve-names.ts`); whom others named before is known. Events that name everybody cost nothing here.
 *
 * Returns who did what, of events that do not say it themselves and where it is known.
 */
export async function findNames(
  tx: Transaction,
  items: readonly InboundEvent[],
  repositories: readonly (Repository | null)[],
  now: number,
): Promise<ReadonlyMap<InboundEvent, Person>> {
  const lookups = new Set<string>();
  const people = new Map<InboundEvent, PersonKey>();
  for (const [index, item] of items.entries()) {
    const repository = repositories[index];
    if (!repository) continue;
    const { event } = item;
    if (event.repository.fullName === null) {
      const isNameless = repository.fullName === repository.uuid;
      const mayBeRenamed = event.kind === 'repository_updated';
      if (isNameless || mayBeRenamed) lookups.add(repositoryLookup(repository.id));
    }
    // Who did anything else is shown nowhere, and so is nobody to be asked for.
    if (event.kind !== 'push' || event.actor === null || event.actor.name !== null) continue;
    const { uuid: personUuid } = event.actor;
    const { workspaceUuid } = repository;
    if (personUuid !== null) people.set(item, { workspaceUuid, personUuid });
  }
  const named = await findPeople(tx, people, lookups, now);
  if (lookups.size > 0) await tx.nameLookups.ask([...lookups], now);
  return named;
}

/** Adds to `lookups` whoever is not known, or for long. */
async function findPeople(
  tx: Transaction,
  people: ReadonlyMap<InboundEvent, PersonKey>,
  lookups: Set<string>,
  now: number,
): Promise<ReadonlyMap<InboundEvent, Person>> {
  const named = new Map<InboundEvent, Person>();
  if (people.size === 0) return named;
  const wanted = new Map([...people.values()].map((person) => [personLookup(person), person]));
  const rows = await tx.personNames.find([...wanted.values()]);
  const known = new Map(rows.map((row) => [personLookup(row), row]));
  const due = [...wanted].filter(([lookup]) => {
    const row = known.get(lookup);
    if (!row) return true;
    const after = row.name === null ? askUnnamedAgainAfterMs : askAgainAfterMs;
    return now - row.askedAt >= after;
  });
  if (due.length > 0) {
    for (const [lookup] of due) lookups.add(lookup);
    await tx.personNames.save(
      due.map(([lookup, person]) => ({
        ...person,
        name: known.get(lookup)?.name ?? null,
        askedAt: now,
      })),
    );
  }
  for (const [item, person] of people) {
    const name = known.get(personLookup(person))?.name ?? null;
    if (name !== null) named.set(item, { uuid: person.personUuid, name });
  }
  return named;
}
