/** What can be done with API keys. */
import { Injectable } from '@nestjs/common';
import { ApiKeyRepository, type ApiKey } from '#common/database/api-key.repository.js';
import { Notifier } from '#common/database/notifications.js';
import { Problem } from '../http/problem.js';
import { invalid } from '../http/validation.js';
import { digestOf, newKeyText } from './api-key-text.js';
import type { Caller } from './caller.js';
import { KeyDirectory } from './key-directory.js';
import type { CreateKey } from './key.schemas.js';

@Injectable()
export class KeyService {
  constructor(
    private readonly repository: ApiKeyRepository,
    private readonly directory: KeyDirectory,
    private readonly notifier: Notifier,
  ) {}

  /** @returns the key's text too, which nobody will see again */
  async create(request: CreateKey, caller: Caller): Promise<{ key: ApiKey; text: string }> {
    const { name, scopes, queues, rate = null, expiresAt, expiresIn } = request;
    if (this.directory.isOpen && !scopes.includes('admin')) {
      const message = 'must hold admin in the first key: with this one nobody could make another';
      throw invalid('validation-failed', [{ field: 'scopes', message }]);
    }
    const ends = expiresIn === undefined ? (expiresAt ?? null) : new Date(Date.now() + expiresIn);
    if (ends !== null && ends.getTime() <= Date.now())
      throw invalid('validation-failed', [{ field: 'expiresAt', message: 'must be in the future' }]);
    const text = newKeyText();
    const digest = digestOf(text);
    const key = await this.repository.create({ name, digest, scopes, queues, rate, expiresAt: ends });
    caller.note({ key: key.id, name, scopes, queues });
    await this.#tellAll();
    return { key, text };
  }

  list(all: boolean, beforeId: string | undefined, limit: number): Promise<ApiKey[]> {
    return this.repository.list(all, beforeId, limit);
  }

  /** @throws Problem when there is no such key */
  async revoke(id: string, caller: Caller): Promise<ApiKey> {
    const key = await this.repository.revoke(id);
    if (key === undefined) throw new Problem('not-found', `There is no key with id ${id}.`);
    caller.note({ name: key.name });
    await this.#tellAll();
    return key;
  }

  /** This store knows of it when it answers, the others a moment later. */
  async #tellAll(): Promise<void> {
    this.notifier.send('keys');
    await this.directory.refresh();
  }
}
