/**
 * Counts the answers that a session still owes, to know the moments at which it may change its server: nothing asked that is unanswered,
 * nothing begun that is unfinished. Pure; fed with the types of whole messages as they pass. It must never say 'boundary' while an answer is
 * still to come: where the protocol does not tell, it says 'unsure', and the session is cut at a switchover instead of moved.
 *
 * What makes counting ReadyForQuery hard, all of it measured against PostgreSQL 15:
 * - a Query ends an unsynced series of extended messages: one ReadyForQuery for all of it;
 * - after an error in an extended message the server skips everything, Queries too, up to the next Sync;
 * - a Sync that the server reads during COPY FROM STDIN is eaten. Whether the statement is such a COPY is known when its CopyInResponse comes,
 *   behind Syncs that have been sent long ago; and when the COPY then fails, nobody can say which of them were read before it failed.
 *
 * Groups of messages that end in one ReadyForQuery wait in line. Only the length of the line is kept, run by run, never a message.
 */
import { GroupQueue, GROUP } from './group-queue.ts';
import { FROM_CLIENT, FROM_SERVER } from './message-types.ts';

/** 'in-transaction' and 'boundary': nothing is unanswered. 'unsure': what is outstanding cannot be known, now or ever again. */
export type At = 'boundary' | 'in-transaction' | 'busy' | 'unsure';

const IDLE = 0x49; // 'I'

/**
 * How well the line is known. 'quiet': before the line come Syncs, of which it is not known whether they will be answered, and nothing else; so
 * the first answer that is no ReadyForQuery clears it up. 'deep': only a count of what may come at most is left. 'lost': not the protocol we know.
 */
type Sight = 'clear' | 'quiet' | 'deep' | 'lost';

export class Boundary {
  #loggedIn = false;
  #status = 0;
  #sight: Sight = 'clear';
  #replication = false;
  readonly #line = new GroupQueue();
  /** Answers owed to extended messages behind the last group. */
  #open = 0;
  /** Extended messages have passed since the last group, or were skipped: without a Sync the server is not done. */
  #unsynced = false;
  /** The server skips what it reads until the next Sync. */
  #skipping = false;
  /** CopyInResponse has come and the COPY has neither ended nor failed. */
  #copying = false;
  /** The same, and the client has not said yet that its data ends. */
  #copyOpen = false;
  /** Syncs that the running COPY eats. */
  #eaten = 0;
  /** While the sight is not clear: as many ReadyForQuery may come at most. */
  #mayCome = 0;
  /** While the sight is 'quiet': groups in the line that answer with more than ReadyForQuery. */
  #speakers = 0;
  /** While the sight is 'deep': the open series has the end of a COPY in it. */
  #muddled = false;

  get at(): At {
    if (this.#sight !== 'clear') return 'unsure';
    if (!this.#loggedIn || this.#unsynced || this.#line.readies > 0) return 'busy';
    return this.#status === IDLE ? 'boundary' : 'in-transaction';
  }

  /** A stream of WAL, which runs for hours and never comes to a boundary. */
  get isReplication(): boolean {
    return this.#replication;
  }

  /**
   * While a session is being brought to a boundary: whether its next message has to pass for it to get there. Nothing new while an answer is
   * outstanding, so that a client which always has requests in flight comes to an end.
   */
  mayForwardWhileParking(type: number): boolean {
    if (!this.#loggedIn) return type === FROM_CLIENT.loginAnswer;
    switch (this.#sight) {
      case 'lost':
        return true;
      case 'deep':
        return this.#mayCome === 0 || this.#unsynced;
      case 'quiet':
        // One more request, for its answer to clear things up.
        return this.#line.readies === 0;
      case 'clear':
        if (this.#copyOpen) return isOfCopy(type);
        return this.#line.readies === 0 && (this.#unsynced || this.#status !== IDLE);
    }
  }

  /** A message of the client that has been forwarded to its end. */
  client(type: number): void {
    switch (type) {
      case FROM_CLIENT.parse:
      case FROM_CLIENT.bind:
      case FROM_CLIENT.describe:
      case FROM_CLIENT.execute:
      case FROM_CLIENT.close:
        this.#extended();
        return;
      case FROM_CLIENT.query:
      case FROM_CLIENT.functionCall:
        if (this.#copyOpen) this.#lose();
        else if (!this.#skipping) this.#end(GROUP.request);
        return;
      case FROM_CLIENT.sync:
        if (this.#copyOpen) {
          this.#eaten += 1;
          return;
        }
        this.#skipping = false;
        this.#end(GROUP.sync);
        return;
      case FROM_CLIENT.copyDone:
      case FROM_CLIENT.copyFail:
        this.#copyEnd();
        return;
      case FROM_CLIENT.flush:
      case FROM_CLIENT.copyData:
        return;
      case FROM_CLIENT.loginAnswer:
        if (this.#loggedIn) this.#lose();
        return;
      default:
        // Terminate, or something that the server ends the session for.
        this.#lose();
    }
  }

  /** A message of the server. `status`: the first byte of a ReadyForQuery's body. */
  server(type: number, status: number): void {
    switch (type) {
      case FROM_SERVER.readyForQuery:
        this.#ready(status);
        return;
      case FROM_SERVER.error:
        this.#error();
        return;
      case FROM_SERVER.copyIn:
        if (this.#cleared()) this.#copyIn();
        return;
      case FROM_SERVER.commandComplete:
        if (!this.#cleared()) return;
        if (this.#copyOpen) this.#lose();
        this.#copying = false;
        this.#eaten = 0;
        this.#completion();
        return;
      case FROM_SERVER.parseComplete:
      case FROM_SERVER.bindComplete:
      case FROM_SERVER.closeComplete:
      case FROM_SERVER.noData:
      case FROM_SERVER.rowDescription:
      case FROM_SERVER.emptyQuery:
      case FROM_SERVER.portalSuspended:
        if (this.#cleared()) this.#completion();
        return;
      case FROM_SERVER.functionResult:
      case FROM_SERVER.copyOut:
        this.#cleared();
        return;
      case FROM_SERVER.copyBoth:
        this.#replication = true;
        this.#lose();
        return;
      default:
      // Rows, notices and the like: they answer nothing.
    }
  }

  #extended(): void {
    if (this.#copyOpen) {
      this.#lose();
      return;
    }
    this.#unsynced = true;
    if (!this.#skipping) this.#open += 1;
  }

  /** A Query, a FunctionCall or a Sync ends the open series. */
  #end(kind: typeof GROUP.request | typeof GROUP.sync): void {
    const owed = this.#open;
    this.#open = 0;
    this.#unsynced = false;
    if (this.#sight === 'clear') {
      if (!this.#line.push(owed, kind)) this.#goDeep();
      return;
    }
    this.#mayCome += 1;
    this.#muddled = false;
    if (this.#sight !== 'quiet') return;
    const speaks = owed > 0 || kind === GROUP.request;
    if (!speaks && this.#line.isEmpty) return;
    if (speaks) this.#speakers += 1;
    if (!this.#line.push(owed, kind)) this.#goDeep();
  }

  #copyEnd(): void {
    if (this.#copyOpen) {
      this.#copyOpen = false;
      return;
    }
    // What the open series owes must outlive the doubt, in which only a count of what may come is kept.
    if (this.#sight === 'quiet' && this.#unsynced) this.#goDeep();
    if (this.#sight === 'deep') {
      this.#muddled = this.#unsynced;
      return;
    }
    // Outside a COPY the server ignores it. But CopyInResponse may still be on its way, and what is sent behind this is then not eaten.
    if (this.#skipping || (this.#line.isEmpty && this.#open === 0)) return;
    const owed = this.#open;
    this.#open = 0;
    if (this.#sight === 'quiet' && owed > 0) this.#speakers += 1;
    if (!this.#line.push(owed, GROUP.copyEnd)) this.#goDeep();
  }

  #completion(): void {
    if (this.#sight !== 'clear') return;
    if (this.#line.isEmpty) {
      if (this.#open === 0) this.#lose();
      else this.#open -= 1;
    } else if (this.#line.owed > 0) {
      this.#line.answerOne();
    } else if (this.#line.kind !== GROUP.request) {
      this.#lose();
    }
  }

  #ready(status: number): void {
    this.#status = status;
    if (!this.#loggedIn) {
      this.#loggedIn = true;
      return;
    }
    switch (this.#sight) {
      case 'lost':
        return;
      case 'clear':
        if (this.#line.isEmpty || this.#line.owed > 0 || this.#copyOpen) this.#lose();
        else this.#line.shift();
        this.#copying = false;
        return;
      case 'quiet':
      case 'deep':
        this.#mayCome -= 1;
        if (this.#mayCome === 0 && !this.#muddled) {
          // All that could come has come; what is open is younger, and nothing of it has been answered.
          this.#sight = 'clear';
          this.#unsynced = this.#open > 0;
          this.#line.clear();
        } else if (this.#mayCome < 0) {
          this.#lose();
        }
    }
  }

  #error(): void {
    if (this.#sight === 'quiet') this.#goDeep();
    if (this.#sight !== 'clear') return;
    if (this.#copying && this.#eaten > 0) {
      this.#doubtSyncs();
      return;
    }
    this.#copying = false;
    this.#copyOpen = false;
    if ((this.#line.isEmpty ? this.#open : this.#line.owed) > 0) {
      if (this.#line.skipToSync()) return;
      this.#open = 0;
      this.#skipping = true;
      this.#unsynced = true;
    } else if (this.#line.isEmpty) {
      // Nobody asked: the server says goodbye.
      this.#lose();
    }
  }

  /** The server asks for the data of a COPY: what was sent behind the statement is read by the COPY, up to the end of its data. */
  #copyIn(): void {
    this.#copying = true;
    this.#copyOpen = true;
    this.#eaten = 0;
    if (this.#line.isEmpty) {
      // More messages of the series than the COPY itself: no COPY understands them.
      if (this.#open !== 1) this.#lose();
    } else if (this.#line.kind === GROUP.request) {
      // The request stays at the head; what is behind it is eaten.
      if (this.#line.owed > 0) {
        this.#lose();
        return;
      }
      this.#line.drop();
      if (this.#eat(0)) this.#line.putBackRequest();
    } else if (this.#eat(1)) {
      // The series goes on behind the Sync that was eaten.
      if (this.#line.isEmpty) this.#open += 1;
      else this.#line.oweOneMore();
      if (this.#line.readies === 0) this.#unsynced = true;
    }
  }

  /** Removes the Syncs up to the end of the COPY's data, and that end. `owed`: what the first of them still owes for the COPY itself. */
  #eat(owed: number): boolean {
    let allowed = owed;
    while (!this.#line.isEmpty) {
      if (this.#line.owed !== allowed || this.#line.kind === GROUP.request) {
        this.#lose();
        return false;
      }
      allowed = 0;
      const ends = this.#line.kind === GROUP.copyEnd;
      this.#line.drop();
      if (ends) {
        this.#copyOpen = false;
        return true;
      }
      this.#eaten += 1;
    }
    if (this.#open > 0) this.#lose();
    return this.#open === 0;
  }

  /** An answer has come that is no ReadyForQuery. True: the line is known, and the answer belongs to its head. */
  #cleared(): boolean {
    if (this.#sight === 'clear') return true;
    if (this.#sight !== 'quiet') return false;
    if (this.#speakers + (this.#open > 0 ? 1 : 0) !== 1) {
      this.#goDeep();
      return false;
    }
    this.#sight = 'clear';
    return true;
  }

  /** The COPY failed: each Sync that was sent meanwhile was eaten if the server read it before, and will be answered otherwise. */
  #doubtSyncs(): void {
    const quiet = this.#onlySyncsBehindCopy();
    if (!quiet) {
      this.#goDeep();
      return;
    }
    this.#mayCome = this.#eaten + this.#line.readies;
    this.#sight = 'quiet';
    this.#copying = false;
    this.#copyOpen = false;
    this.#eaten = 0;
    this.#speakers = 0;
    this.#open = 0;
    this.#line.clear();
  }

  #onlySyncsBehindCopy(): boolean {
    const line = this.#line;
    if (line.isEmpty) return this.#open === 1;
    return this.#open === 0 && line.owed === (line.kind === GROUP.request ? 0 : 1) && !line.speaksBehindHead;
  }

  #goDeep(): void {
    if (this.#sight === 'clear') this.#mayCome = this.#line.readies + this.#eaten;
    this.#sight = 'deep';
    this.#muddled = this.#unsynced;
    this.#skipping = false;
    this.#copying = false;
    this.#copyOpen = false;
    this.#eaten = 0;
    this.#line.clear();
  }

  #lose(): void {
    this.#sight = 'lost';
    this.#line.clear();
  }
}

function isOfCopy(type: number): boolean {
  return (
    type === FROM_CLIENT.copyData ||
    type === FROM_CLIENT.copyDone ||
    type === FROM_CLIENT.copyFail ||
    type === FROM_CLIENT.sync ||
    type === FROM_CLIENT.flush
  );
}
