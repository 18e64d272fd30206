/**
 * Lets so many pass in one turn of the event loop; the others wait for the next ones, in order. Between two turns the loop
 * looks at what else is ready: without this, a database that has answered waits until every body that came meanwhile is
 * verified and parsed, at each of its steps.
 */
export function createTurns(perTurn: number): () => Promise<void> {
  const waiting: (() => void)[] = [];
  let passed = 0;
  const nextTurn = (): void => {
    passed = 0;
    for (const pass of waiting.splice(0, perTurn)) {
      passed += 1;
      pass();
    }
    if (passed > 0) setImmediate(nextTurn);
  };
  return async () => {
    if (passed === 0) setImmediate(nextTurn);
    if (passed < perTurn) {
      passed += 1;
      return;
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
}
