export type SqlValue = string | number | null;

/**
 * One connection as the stores see it: SQL with `?` placeholders that both SQLite and PostgreSQL understand. Inside a unit
 * of work it is the writer's connection; elsewhere a reader's.
 */
export interface Sql {
  /** Many rows go in as one value, a JSON array of arrays: where binding each value of each costs more than reading them. */
  readonly rowsAsJson?: boolean;
  all<Row>(text: string, values?: readonly SqlValue[]): Promise<Row[]>;
  /** Number of rows changed. */
  run(text: string, values?: readonly SqlValue[]): Promise<number>;
  /** The same, by whoever knows that the transaction holds nothing else. */
  runAlone?(text: string, values: readonly SqlValue[]): Promise<number>;
}

/**
 * Placeholders and values of an IN list, or of a VALUES list of tuples. The list is filled up to a power of two with its last
 * entry, which changes nothing in its meaning, so that a handful of prepared statements fits every length.
 */
export function listOf(
  values: readonly SqlValue[],
  width = 1,
): { marks: string; values: readonly SqlValue[] } {
  const entries = values.length / width;
  const size = powerOfTwo(entries);
  const filled = [...values];
  const last = values.slice(-width);
  for (let entry = entries; entry < size; entry += 1) filled.push(...last);
  return { marks: marksFor(size, width), values: filled };
}

const knownMarks = new Map<string, string>();

function marksFor(entries: number, width: number): string {
  const key = `${entries} ${width}`;
  let marks = knownMarks.get(key);
  if (marks === undefined) {
    const one = width === 1 ? '?' : `(${Array.from({ length: width }, () => '?').join(', ')})`;
    marks = Array.from({ length: entries }, () => one).join(', ');
    knownMarks.set(key, marks);
  }
  return marks;
}

/** The next power of two that is not smaller. */
export function powerOfTwo(count: number): number {
  let size = 1;
  while (size < count) size *= 2;
  return size;
}
