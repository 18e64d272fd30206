/**
 * Thrown by batched work that found out, from what it read in its transaction, that it has to be done another way: it is rolled
 * back and runs again with the same items. Whoever throws it sees to it that the next time is different.
 */
export class RunAgain extends Error {
  constructor() {
    super('the batch runs again');
    this.name = 'RunAgain';
  }
}
