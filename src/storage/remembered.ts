/** Of each kind; beyond that everything of the kind is forgotten and read again when asked for. */
export const maxRemembered = 20_000;

/** A store that remembers what it read and wrote. */
export interface Remembered<Store> {
  store: Store;
  forget(): void;
}
