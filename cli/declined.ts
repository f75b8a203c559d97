/** A person was asked and said no. Nothing was done; exit code 3, so that a script cannot take it for success. */
export class Declined extends Error {
  override readonly name = 'Declined';

  constructor() {
    super('declined at the prompt');
  }
}
