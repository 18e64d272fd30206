/** Of each kind; beyond that everything of the kind is forgotten and read again when asked for. */
export const maxRemembered = 20_000;

/** A store that remembers what it read and wrote. */
export interface Remembered<Store> {
  store: Store;
  forget(): void;
}

/** Rows by key, of which only the unknown ones are read. No row twice. */
export async function knownOrRead<Key, Row>(
  known: ReadonlyMap<string, Row>,
  keys: readonly Key[],
  keyOf: (key: Key) => string,
  read: (unknown: readonly Key[]) => Promise<readonly Row[]>,
): Promise<Row[]> {
  const found: Row[] = [];
  const unknown: Key[] = [];
  for (const [text, key] of new Map(keys.map((each) => [keyOf(each), each]))) {
    const row = known.get(text);
    if (row) found.push(row);
    else unknown.push(key);
  }
  return unknown.length === 0 ? found : [...found, ...(await read(unknown))];
}
