/** The command line itself is wrong, so nothing was asked of any cluster. Exit code 2; it has no PGB code, because --help is its runbook. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}
