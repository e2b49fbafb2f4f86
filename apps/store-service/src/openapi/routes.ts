/** The routes of controllers, read from the metadata that Nest itself routes by. */
import { RequestMethod, type Type } from '@nestjs/common';
import {
  HTTP_CODE_METADATA,
  METHOD_METADATA,
  PATH_METADATA,
  ROUTE_ARGS_METADATA,
  RouteParamtypes,
} from '@nestjs/common/internal';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { z } from 'zod';
import { accessOf, type RouteAccess } from '#common/access/requires.js';
import { operationOf, type OperationOptions } from '../http/operation.js';
import { SHARED_OPERATIONS } from './shared.operations.js';

export interface Route {
  /** Lower case, as in the document. */
  readonly method: string;
  /** `/api/v1/jobs/{id}` */
  readonly path: string;
  /** `JobsController.get`, for messages. */
  readonly handler: string;
  /** Undefined when nobody has described it. */
  readonly operation: OperationOptions | undefined;
  /** Who may use it; undefined when nobody has said, and then nobody may. */
  readonly access: RouteAccess | undefined;
  readonly body: z.ZodType | undefined;
  readonly query: z.ZodObject | undefined;
  readonly parameters: z.ZodObject | undefined;
  /** Names of the headers that it reads. */
  readonly headers: readonly string[];
  /** Status of its success unless it says otherwise. */
  readonly status: number;
}

/** What Nest keeps of one parameter of a method. */
interface ParameterMetadata {
  readonly data?: unknown;
  readonly schema?: unknown;
}

export function controllersOf(modules: ModulesContainer): Type[] {
  return [...modules.values()].flatMap(({ controllers }) =>
    [...controllers.values()].flatMap(({ metatype }) => (metatype === null ? [] : [metatype as Type])),
  );
}

export function routesOf(controllers: readonly Type[]): Route[] {
  const scanner = new MetadataScanner();
  return controllers.flatMap((controller) => {
    const prototype = controller.prototype as Readonly<Record<string, object>>;
    return scanner
      .getAllMethodNames(prototype)
      .flatMap((name) => routesOfMethod(controller, name, prototype[name]));
  });
}

function routesOfMethod(controller: Type, name: string, method: object | undefined): Route[] {
  if (method === undefined || !Reflect.hasMetadata(PATH_METADATA, method)) return [];
  const verb = Reflect.getMetadata(METHOD_METADATA, method) as RequestMethod;
  const parameters = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) as
    Readonly<Record<string, ParameterMetadata>> | undefined;
  const of = (kind: RouteParamtypes) =>
    Object.entries(parameters ?? {})
      .filter(([key]) => key.startsWith(`${kind}:`))
      .map(([, parameter]) => parameter);
  const schemaOf = (kind: RouteParamtypes) => of(kind).find(({ schema }) => schema !== undefined)?.schema;
  const handler = `${controller.name}.${name}`;
  return pathsOf(controller, method).map((path) => ({
    method: RequestMethod[verb].toLowerCase(),
    path,
    handler,
    operation: operationOf(method) ?? SHARED_OPERATIONS.get(handler),
    access: accessOf(method),
    body: zodType(schemaOf(RouteParamtypes.BODY)),
    query: zodObject(schemaOf(RouteParamtypes.QUERY), handler),
    parameters: zodObject(schemaOf(RouteParamtypes.PARAM), handler),
    headers: of(RouteParamtypes.HEADERS).flatMap(({ data }) => (typeof data === 'string' ? [data] : [])),
    status:
      (Reflect.getMetadata(HTTP_CODE_METADATA, method) as number | undefined) ??
      (verb === RequestMethod.POST ? 201 : 200),
  }));
}

function pathsOf(controller: Type, method: object): string[] {
  const texts = (of: object) => [Reflect.getMetadata(PATH_METADATA, of) as string | string[]].flat();
  return texts(controller).flatMap((prefix) =>
    texts(method).map((path) => {
      const segments = `${prefix}/${path}`.split('/').filter((segment) => segment !== '');
      return `/${segments.map((segment) => segment.replace(/^:(.+)$/, '{$1}')).join('/')}`;
    }),
  );
}

function zodType(schema: unknown): z.ZodType | undefined {
  return schema instanceof z.ZodType ? schema : undefined;
}

function zodObject(schema: unknown, handler: string): z.ZodObject | undefined {
  if (schema === undefined || schema instanceof z.ZodObject) return schema;
  throw new Error(`${handler}: the schema of a query or a path must be an object's`);
}
