/** A verb that is a program of its own has said everything itself; only its exit code is left to pass on. Nothing more is printed. */
export class EndedWith extends Error {
  override readonly name = 'EndedWith';
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`ended with exit code ${String(exitCode)}`);
    this.exitCode = exitCode;
  }
}
