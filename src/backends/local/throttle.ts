/** Calls at once, then at most once per interval; the last call is never lost. */
export function throttled(everyMs: number, call: () => void): () => void {
  let timer: NodeJS.Timeout | null = null;
  let again = false;
  const fire = () => {
    again = false;
    timer = setTimeout(() => {
      timer = null;
      if (again) fire();
    }, everyMs);
    timer.unref();
    call();
  };
  return () => {
    if (timer === null) fire();
    else again = true;
  };
}
