/**
 * Holds manifests against the schemas of Kubernetes itself, which the package kubernetes-models carries twice: as JSON
 * Schema, for values, and as types. JSON Schema lets fields pass that nobody knows, so the compiler looks for those.
 */
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from '#tools/root.js';
import type { Manifest } from './helm-chart.js';

interface Model {
  validate(): void;
}

/** `apps/v1` → `kubernetes-models/apps/v1`; the core's `v1` stays. */
const moduleOf = ({ apiVersion, kind }: Manifest) => `kubernetes-models/${apiVersion}/${kind}`;

const titleOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata?.name}`;

/** What Kubernetes would refuse in these manifests; empty when all are right. */
export async function faultsOf(manifests: readonly Manifest[]): Promise<string[]> {
  const wrongValues = await Promise.all(manifests.map(wrongValueOf));
  return [...wrongValues.flat(), ...unknownFieldsOf(manifests)];
}

async function wrongValueOf(manifest: Manifest): Promise<string[]> {
  try {
    const models = (await import(moduleOf(manifest))) as Record<string, new (data: unknown) => Model>;
    const Kind = models[manifest.kind];
    if (Kind === undefined) return [`${titleOf(manifest)}: ${manifest.apiVersion} does not have it`];
    new Kind(manifest).validate();
    return [];
  } catch (error) {
    return [`${titleOf(manifest)}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** As a program that assigns each manifest to its type, which the compiler then checks. */
function unknownFieldsOf(manifests: readonly Manifest[]): string[] {
  const file = join(ROOT, 'test/support/manifests.generated.ts');
  const lines = manifests.map(
    (manifest, index) =>
      `export const manifest${index}: import('${moduleOf(manifest)}').I${manifest.kind} = ${JSON.stringify(manifest)};`,
  );
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ['lib.es2023.d.ts'],
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  };
  const disk = ts.createCompilerHost(options);
  const program = lines.join('\n');
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (path) => path === file || disk.fileExists(path),
    readFile: (path) => (path === file ? program : disk.readFile(path)),
    getSourceFile: (path, languageVersion, ...rest) =>
      path === file
        ? ts.createSourceFile(path, program, languageVersion)
        : disk.getSourceFile(path, languageVersion, ...rest),
  };
  const compiled = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(compiled).map(({ file: source, start = 0, messageText }) => {
    const line = source?.getLineAndCharacterOfPosition(start).line ?? 0;
    const manifest = manifests[line];
    const title = manifest === undefined ? 'manifests' : titleOf(manifest);
    return `${title}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}
