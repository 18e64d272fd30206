/**
 * Like `Promise.all`, but it comes to its end only when every part has: nothing that was begun is still under way behind the
 * back of whoever handles the error. For statements of one transaction, which must not run on after its rollback.
 */
export async function allSettled<Parts extends readonly unknown[]>(parts: {
  readonly [Part in keyof Parts]: Promise<Parts[Part]>;
}): Promise<Parts> {
  const ends = await Promise.allSettled(parts);
  const values = ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
  return values as unknown as Parts;
}
