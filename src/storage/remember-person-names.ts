import type { PersonNameReads, PersonNameWrites } from '../core/forge.js';
import { personLookup } from '../core/forge.js';
import type { PersonName } from '../core/model/index.js';
import { knownOrRead, maxRemembered, type Remembered } from './remembered.js';

type Store = PersonNameReads & PersonNameWrites;

/** So that a push whose event does not name who pushed costs no statement for it, once the name was asked for. */
export function rememberPersonNames(store: Store): Remembered<Store> {
  const known = new Map<string, PersonName>();
  const keep = (rows: readonly PersonName[]): void => {
    if (known.size + rows.length > maxRemembered) known.clear();
    for (const row of rows) known.set(personLookup(row), row);
  };
  return {
    forget: () => known.clear(),
    store: {
      find: (people) =>
        knownOrRead(known, people, personLookup, async (unknown) => {
          const read = await store.find(unknown);
          keep(read);
          return read;
        }),
      async save(rows) {
        await store.save(rows);
        keep(rows);
      },
      spread: (person, limit) => store.spread(person, limit),
      prune(askedBefore, limit) {
        known.clear();
        return store.prune(askedBefore, limit);
      },
    },
  };
}
