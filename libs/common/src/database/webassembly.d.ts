/** The part of the WebAssembly API that migrate.ts uses; TypeScript only ships it with the types of a browser. */
declare namespace WebAssembly {
  type Imports = Record<string, Record<string, unknown>>;
  interface Instance {
    readonly exports: Record<string, unknown>;
  }
  function compile(bytes: Uint8Array): Promise<object>;
  function instantiate(module: object, imports: Imports): Promise<Instance>;
}
