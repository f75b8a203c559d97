/** A relay that only listens along, as the proxy's does: passes a login on byte by byte and tells a learner what was said. */
import { FROM_CLIENT, FROM_SERVER } from '../../../../proxy/core/message-types.ts';
import { connect, createServer, type Server } from 'node:net';
import { CredentialLearner } from '../../../../proxy/login/credential-learner.ts';

export class LearningRelay {
  port = 0;
  /** Of the client that came last. */
  learner = new CredentialLearner();
  startup: Buffer = Buffer.alloc(0);
  readonly #server: Server;

  constructor(serverPort: number) {
    this.#server = createServer((client) => {
      const server = connect(serverPort, '127.0.0.1');
      const learner = new CredentialLearner();
      this.learner = learner;
      let isFirst = true;
      client.on('error', () => server.destroy());
      server.on('error', () => client.destroy());
      const fromClient = splitter(FROM_CLIENT.loginAnswer, (body) => learner.fromClient(body));
      const fromServer = splitter(FROM_SERVER.authentication, (body) => learner.fromServer(body));
      client.on('data', (chunk) => {
        if (isFirst) this.startup = chunk;
        else fromClient(chunk);
        isFirst = false;
        server.write(chunk);
      });
      server.on('data', (chunk) => {
        fromServer(chunk);
        client.write(chunk);
      });
      client.on('end', () => server.end());
      server.on('end', () => client.end());
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
    return this;
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function splitter(type: number, onBody: (body: Uint8Array) => void): (chunk: Buffer) => void {
  let bytes: Buffer = Buffer.alloc(0);
  return (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 5 && bytes.length >= 1 + bytes.readUInt32BE(1)) {
      const end = 1 + bytes.readUInt32BE(1);
      if (bytes[0] === type) onBody(bytes.subarray(5, end));
      bytes = bytes.subarray(end);
    }
  };
}
