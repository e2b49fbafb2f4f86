/** The .proto files of this installation, read at the start: servers and clients are made from them without generated code. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadSync, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader';

/** Where the .proto files are: beside package.json, above this file in the sources as in dist/. */
function protoFolder(folder = import.meta.dirname): string {
  const candidate = join(folder, 'proto', 'scheduler.proto');
  if (existsSync(candidate)) return dirname(candidate);
  const above = dirname(folder);
  if (above === folder) throw new Error('The folder proto/ is missing from this installation.');
  return protoFolder(above);
}

/**
 * @param files below proto/, such as `scheduler.proto`
 * @returns messages whose fields are in camelCase; what was not sent is absent; enums are their names
 */
export function loadProtos(...files: readonly string[]): PackageDefinition {
  return loadSync([...files], { longs: Number, enums: String, includeDirs: [protoFolder()] });
}

/** @param name with its package, such as `scheduler.JobService` */
export function serviceOf(protos: PackageDefinition, name: string): ServiceDefinition {
  const definition = protos[name];
  if (definition === undefined || 'format' in definition)
    throw new Error(`There is no service ${name} in the .proto files.`);
  return definition;
}
