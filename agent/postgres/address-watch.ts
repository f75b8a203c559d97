/**
 * Asks again and again where the leader is while this standby is attached to it by name. A leader that was restarted in place may have another
 * address, and a stranger its old one: a standby that streams from the stranger looks well from here, and one that knocks at an empty house would
 * be cloned afresh in the end. It must never attach anybody that was cut off meanwhile.
 */
import { isIP } from 'node:net';
import { messageOf } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { addressesOf, haveMoved } from './host-addresses.ts';
import type { LocalServer } from './local-server.ts';
import type { Attachment } from './settings.ts';

const ASK_EVERY_MS = 2_000;
const LOOKUP_DEADLINE_MS = 10_000;

export class AddressWatch {
  readonly #server: LocalServer;
  readonly #signal: AbortSignal;
  #asking = false;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(server: LocalServer, signal: AbortSignal) {
    this.#server = server;
    this.#signal = signal;
  }

  /** Called at every look; asks at its own pace and never keeps the caller waiting. */
  look(streaming: boolean): void {
    const { follow: attached } = this.#server.config.rendered;
    if (attached === null || isIP(attached.host) !== 0 || this.#asking) return;
    if (monotonicMs() - this.#askedAtMs < ASK_EVERY_MS) return;
    this.#asking = true;
    this.#askedAtMs = monotonicMs();
    void this.#follow(attached, streaming)
      .catch((error: unknown) => {
        this.#server.context.log('warn', 'postgres.address-not-renewed', { host: attached.host, why: messageOf(error) });
      })
      .finally(() => {
        this.#asking = false;
      });
  }

  async #follow(attached: Attachment, streaming: boolean): Promise<void> {
    const addresses = await addressesOf(attached.host, LOOKUP_DEADLINE_MS, this.#signal);
    if (!haveMoved(attached.addresses, addresses, streaming)) return;
    let moved = false;
    await this.#server.config.update((rendered) => {
      // Cut off or attached to another one meanwhile: nothing that was known before may bring the old conninfo back.
      moved = rendered.follow === attached;
      return moved ? { ...rendered, follow: { ...attached, addresses } } : rendered;
    });
    if (!moved) return;
    this.#server.context.log('info', 'postgres.leader-moved', { host: attached.host, from: attached.addresses, to: addresses });
    await this.#server.reload();
  }
}
