/** Like `Promise.all` over a list, with at most so many at the same time; answers in the order of the list. */
export async function inParallel<T, R>(
  atOnce: number,
  list: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = list.entries();
  const hand = async (): Promise<void> => {
    for (const [index, item] of waiting) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: atOnce }, hand));
  return results;
}
