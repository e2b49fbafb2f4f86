/**
 * Every key that may be used, in memory, so that a request costs a hash and a look-up. It is read again every few seconds
 * and whenever a store says that keys changed; so a key that was revoked anywhere stops working here at once, or within
 * those seconds when the message was lost. While Postgres is away the keys that were known go on being known.
 */
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { ApiKeyRepository } from '#common/database/api-key.repository.js';
import { HintListener } from '#common/database/notifications.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import { Alarm } from '#common/runtime/alarm.js';
import { repeat } from '#common/runtime/repeat.js';
import { StartRefusedError } from '#common/runtime/start-refused.js';
import { AccessSettings, NO_KEYS } from './access-settings.js';
import { digestOf } from './api-key-text.js';
import { KnownKey } from './known-key.js';

const LOOK_EVERY_MS = 3000;
const BOOTSTRAP_NAME = 'bootstrap';

@Injectable()
export class KeyDirectory implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stop = new AbortController();
  readonly #alarm = new Alarm();
  /** Those who want to know when the right of a key, or of open access (null), has ended. */
  readonly #watchers = new Set<{ readonly keyId: string | null; readonly end: () => void }>();
  #byDigest: ReadonlyMap<string, KnownKey> = new Map();
  /** Undefined until the keys were read for the first time. */
  #anyWasMade: boolean | undefined;
  #bootstrapped = false;
  #reading: Promise<void> = Promise.resolve();

  constructor(
    private readonly repository: ApiKeyRepository,
    private readonly hints: HintListener,
    private readonly settings: AccessSettings,
    @InjectLogger() private readonly log: Logger,
  ) {}

  /** @throws StartRefusedError when nobody could use the store. With Postgres away it starts, and lets nobody in. */
  async onApplicationBootstrap(): Promise<void> {
    // Why it failed is logged by the loop, which tries again.
    await this.refresh().catch(() => undefined);
    if (this.isKnown && this.trouble !== undefined) throw new StartRefusedError(this.trouble);
    if (this.isOpen)
      this.log.warn('open access: there is no API key, so whoever reaches the store may do anything');
    this.hints.on('keys', () => this.#alarm.ring()).on('listening', () => this.#alarm.ring());
    const { signal } = this.#stop;
    void repeat({ duty: 'read API keys', signal, log: this.log, alarm: this.#alarm }, async () => {
      await this.refresh();
      await this.#noteUse();
      return LOOK_EVERY_MS;
    });
  }

  onApplicationShutdown(): void {
    this.#stop.abort();
  }

  /** Whether the keys have been read. */
  get isKnown(): boolean {
    return this.#anyWasMade !== undefined;
  }

  /** Whether everybody may do everything: there never was a key, and the settings allow it. */
  get isOpen(): boolean {
    return this.#anyWasMade === false && this.settings.openWithoutKeys;
  }

  /** What keeps everybody out, for readiness. */
  get trouble(): string | undefined {
    if (!this.isKnown) return 'the API keys have not been read yet';
    return this.#anyWasMade === true || this.isOpen ? undefined : NO_KEYS;
  }

  find(digest: string): KnownKey | undefined {
    return this.#byDigest.get(digest);
  }

  /**
   * Calls back once when a key has ended, or open access has (null).
   * @returns must be called when it does not matter any more
   */
  whenEnded(keyId: string | null, end: () => void): () => void {
    const watcher = { keyId, end };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Reads the keys. When it resolves, this store knows what the database knew when it was called. */
  refresh(): Promise<void> {
    // One after the other: what was read earlier must not take the place of what was read later.
    const read = this.#reading.then(() => this.#read());
    this.#reading = read.catch(() => undefined);
    return read;
  }

  async #read(): Promise<void> {
    await this.#bootstrap();
    const usable = await this.repository.usable();
    const anyWasMade = usable.length > 0 || (await this.repository.anyWasMade());
    const before = this.#byDigest;
    this.#byDigest = new Map(
      usable.map((key) => [key.digest, new KnownKey(key, before.get(key.digest))] as const),
    );
    this.#anyWasMade = anyWasMade;
    this.#tellWatchers();
  }

  #tellWatchers(): void {
    const usable = new Set([...this.#byDigest.values()].map(({ grant }) => grant.id));
    for (const watcher of [...this.#watchers]) {
      if (watcher.keyId === null ? this.isOpen : usable.has(watcher.keyId)) continue;
      this.#watchers.delete(watcher);
      watcher.end();
    }
  }

  async #bootstrap(): Promise<void> {
    const { bootstrapKey } = this.settings;
    if (bootstrapKey === undefined || this.#bootstrapped) return;
    await this.repository.ensureFromEnvironment(BOOTSTRAP_NAME, digestOf(bootstrapKey), ['admin']);
    this.#bootstrapped = true;
  }

  async #noteUse(): Promise<void> {
    const used = [...this.#byDigest.values()].filter(({ needsNote }) => needsNote);
    if (used.length === 0) return;
    await this.repository.noteUse(used.map(({ grant }) => grant.id));
    for (const key of used) key.noted();
  }
}
