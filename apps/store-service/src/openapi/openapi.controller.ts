/** GET /openapi.json and GET /docs: the API's document, for programs and for people. */
import { Controller, Get, Header, Res } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import { Requires } from '#common/access/requires.js';
import { version } from '#common/config/version.js';
import { Operation } from '../http/operation.js';
import { openApiDocument } from './document.js';
import { docsPage, type Page } from './page.js';
import { controllersOf } from './routes.js';
import type { OpenApiDocument } from './specification.js';
import { docs, openApi } from './shared.operations.js';

@Controller()
export class OpenApiController {
  #document: OpenApiDocument | undefined;
  #page: Page | undefined;

  constructor(private readonly modules: ModulesContainer) {}

  @Get('openapi.json')
  @Requires('read')
  @Operation(openApi)
  document(): OpenApiDocument {
    // Made when somebody asks first: most stores are never asked.
    return (this.#document ??= openApiDocument(controllersOf(this.modules), version()));
  }

  @Get('docs')
  @Requires('read')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('x-content-type-options', 'nosniff')
  @Header('referrer-policy', 'no-referrer')
  @Operation(docs)
  page(@Res({ passthrough: true }) reply: FastifyReply): string {
    const { html, contentSecurityPolicy } = (this.#page ??= docsPage(this.document()));
    void reply.header('content-security-policy', contentSecurityPolicy);
    return html;
  }
}
