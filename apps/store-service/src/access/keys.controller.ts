/** /api/v1/keys: make API keys, look through them, revoke them. */
import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { Requires } from '#common/access/requires.js';
import { encodeCursor } from '../http/fields.js';
import { Operation } from '../http/operation.js';
import { ValidationPipe } from '../http/validation.js';
import { CalledBy } from './called-by.js';
import { Caller } from './caller.js';
import { createKey, listKeys, revokeKey } from './key.operations.js';
import {
  createKeySchema,
  keyIdSchema,
  listKeysSchema,
  type CreateKey,
  type ListKeys,
} from './key.schemas.js';
import { KeyService } from './key.service.js';
import { presentKey, type KeyView, type MadeKeyView } from './key.views.js';

const inBody = new ValidationPipe('validation-failed');
const inUrl = new ValidationPipe('bad-request');

@Controller('api/v1/keys')
export class KeysController {
  constructor(private readonly keys: KeyService) {}

  @Post()
  @Requires('admin')
  @Operation(createKey)
  async create(
    @Body({ schema: createKeySchema, pipes: [inBody] }) request: CreateKey,
    @CalledBy() caller: Caller,
  ): Promise<MadeKeyView> {
    const { key, text } = await this.keys.create(request, caller);
    return { ...presentKey(key), key: text };
  }

  /** Newest first. */
  @Get()
  @Requires('admin')
  @Operation(listKeys)
  async list(
    @Query({ schema: listKeysSchema, pipes: [inUrl] }) { all, limit, cursor }: ListKeys,
  ): Promise<{ keys: KeyView[]; nextCursor: string | null }> {
    const keys = await this.keys.list(all, cursor, limit + 1);
    const page = keys.slice(0, limit);
    const last = page.at(-1);
    return {
      keys: page.map(presentKey),
      nextCursor: keys.length > limit && last !== undefined ? encodeCursor(last.id) : null,
    };
  }

  @Delete(':id')
  @Requires('admin')
  @Operation(revokeKey)
  async revoke(
    @Param({ schema: keyIdSchema, pipes: [inUrl] }) { id }: { id: string },
    @CalledBy() caller: Caller,
  ): Promise<KeyView> {
    return presentKey(await this.keys.revoke(id, caller));
  }
}
