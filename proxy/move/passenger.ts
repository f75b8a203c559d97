/**
 * What a session keeps so that it could be moved: how its client logged in, and what the client was told of its server. Everything here is read
 * off the conversation that passes anyway; it must never cost the session a round trip, and never keep a password.
 */
import { Boundary } from '../core/boundary.ts';
import { ClientWatch } from '../core/client-watch.ts';
import { COUNTED_ANSWERS, FROM_CLIENT, FROM_SERVER } from '../core/message-types.ts';
import { interestIn, MessageWalk } from '../core/message-walk.ts';
import { settingsOf } from '../core/startup-options.ts';
import type { Parameter } from '../core/startup-parse.ts';
import { CredentialLearner } from '../login/credential-learner.ts';
import type { Flow } from '../relay.ts';
import { splitMessages } from './frames.ts';

/** One table for all sessions. */
const SERVER_INTEREST = interestIn({
  noted: [...COUNTED_ANSWERS, FROM_SERVER.readyForQuery],
  watched: [FROM_SERVER.backendKey, FROM_SERVER.notice, FROM_SERVER.authentication, FROM_SERVER.parameterStatus],
});
/** Servers tell all their clients nearly the same; ten thousand sessions need not keep a copy each. */
const KNOWN_MAX = 512;
const KNOWN_LENGTH_MAX = 64;
const known = new Map<string, string>();

const LOGIN_INTEREST = interestIn({ watched: [FROM_CLIENT.loginAnswer] });

export class Passenger {
  /** As the servers are to get it. */
  readonly startup: Buffer;
  readonly user: string;
  /** Custom settings that came with the startup packet: repeated with it, but the session may have changed them since. */
  readonly settingNames: readonly string[];
  readonly flow: Flow;
  readonly learner = new CredentialLearner();
  /** As the client was told last, one character a byte. */
  readonly parameters = new Map<string, string>();
  #login: MessageWalk | null = new MessageWalk(LOGIN_INTEREST);

  constructor(startup: Buffer, parameters: readonly Parameter[]) {
    this.startup = startup;
    this.user = parameters.find(([name]) => name === 'user')?.[1] ?? '';
    this.settingNames = settingsOf(parameters).flatMap(({ name }) => (name.includes('.') ? [name.toLowerCase()] : []));
    this.flow = { walk: new MessageWalk(SERVER_INTEREST), watch: new ClientWatch(), boundary: new Boundary() };
  }

  /** What the client sends; of interest until it is logged in. */
  readonly onClient = (chunk: Buffer): void => {
    const login = this.#login;
    if (login === null) return;
    for (let at = login.feed(chunk, 0); at >= 0; at = login.feed(chunk, at)) this.learner.fromClient(login.body);
  };

  onServer(type: number, body: Uint8Array): void {
    if (type === FROM_SERVER.authentication) {
      this.learner.fromServer(body);
      if (this.learner.complete) this.#login = null;
    } else if (type === FROM_SERVER.parameterStatus) {
      const [name = '', value = ''] = Buffer.from(body).toString('latin1').split('\0', 2);
      this.parameters.set(oneOf(name), oneOf(value));
    }
  }

  /** Whole messages that the client is told by us. */
  hear(messages: Buffer): void {
    for (const { type, body } of splitMessages(messages) ?? []) this.onServer(type, body);
  }
}

function oneOf(text: string): string {
  const found = known.get(text);
  if (found !== undefined || text.length > KNOWN_LENGTH_MAX) return found ?? text;
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(text, text);
  return text;
}
