/**
 * PostgreSQL's own loop over the messages of a client (postgres.c, copyfrom.c), small enough to be compared with: what it answers, and when it
 * waits for the next message with nothing left to do. It knows outcomes because the test decides them: a message carries its fate.
 */
export type Step = 'row' | 'copy' | 'copy-fails-early' | 'copy-fails-late' | 'begin' | 'commit' | 'fail';
export type ClientMessage = { readonly type: string; readonly steps: readonly Step[] };
export type ServerMessage = { readonly type: string; readonly status: string };

type Copy = { readonly fails: boolean; readonly inQuery: boolean; readonly rest: readonly Step[] };

export class ModelServer {
  readonly answers: ServerMessage[] = [];
  #status = 'I';
  #skipping = false;
  #copy: Copy | null = null;
  /** Messages of a series that have been carried out since the last ReadyForQuery. */
  #series = false;
  broken = false;

  /** Waits for a message, and owes nothing. */
  get isIdle(): boolean {
    return !this.broken && this.#status === 'I' && !this.#skipping && this.#copy === null && !this.#series;
  }

  read(message: ClientMessage): void {
    if (this.broken) return;
    if (this.#copy !== null) this.#readInCopy(this.#copy, message);
    else if (message.type === 'S') {
      this.#skipping = false;
      this.#ready();
    } else if (!this.#skipping && !'dcf'.includes(message.type)) {
      if (message.type === 'Q') this.#carryOn(message.steps, true);
      else if (message.type !== 'H') this.#extended(message);
    }
  }

  #extended({ type, steps }: ClientMessage): void {
    this.#series = true;
    if (type === 'E') this.#carryOn(steps, false);
    else if (steps[0] === 'fail') this.#fail(false);
    else if (type === 'D') {
      this.#say('t');
      this.#say('T');
    } else this.#say(type === 'P' ? '1' : type === 'B' ? '2' : '3');
  }

  #carryOn(steps: readonly Step[], inQuery: boolean): void {
    for (const [index, step] of steps.entries()) {
      switch (step) {
        case 'fail':
        case 'copy-fails-early':
          this.#fail(inQuery);
          return;
        case 'copy':
        case 'copy-fails-late':
          this.#say('G');
          this.#copy = { fails: step === 'copy-fails-late', inQuery, rest: steps.slice(index + 1) };
          return;
        case 'begin':
          this.#status = this.#status === 'I' ? 'T' : this.#status;
          this.#say('C');
          break;
        case 'commit':
          this.#status = 'I';
          this.#say('C');
          break;
        case 'row':
          if (inQuery) this.#say('T');
          this.#say('D');
          this.#say('C');
      }
    }
    if (!inQuery) return;
    if (steps.length === 0) this.#say('I');
    this.#ready();
  }

  #readInCopy(copy: Copy, { type }: ClientMessage): void {
    if (type === 'S' || type === 'H') return;
    if (type === 'd' && !copy.fails) return;
    this.#copy = null;
    if (type === 'c' && !copy.fails) {
      this.#say('C');
      this.#carryOn(copy.rest, copy.inQuery);
    } else if (type === 'd' || type === 'c' || type === 'f') {
      this.#fail(copy.inQuery);
    } else {
      this.#say('E');
      this.broken = true;
    }
  }

  #fail(inQuery: boolean): void {
    this.#say('E');
    if (this.#status === 'T') this.#status = 'E';
    if (inQuery) this.#ready();
    else this.#skipping = true;
  }

  #ready(): void {
    this.#series = false;
    this.answers.push({ type: 'Z', status: this.#status });
  }

  #say(type: string): void {
    this.answers.push({ type, status: '\0' });
  }
}
