/** As much of newman as tools/postman.ts uses: the package brings no types. */
declare module 'newman' {
  interface RunOptions {
    readonly collection: string;
    readonly environment: string;
    readonly envVar: readonly { readonly key: string; readonly value: string }[];
    readonly reporters: readonly string[];
    readonly reporter: {
      readonly cli: { readonly noBanner: boolean; readonly noSuccessAssertions: boolean };
    };
    readonly color: 'on' | 'off' | 'auto';
    readonly timeoutRequest: number;
  }

  interface Failure {
    readonly source?: { readonly name?: string };
    readonly error: { readonly test?: string; readonly message: string };
  }

  interface Summary {
    readonly run: {
      readonly failures: readonly Failure[];
      readonly stats: { readonly assertions: { readonly total: number } };
    };
  }

  function run(options: RunOptions, done: (error: Error | null, summary: Summary) => void): void;

  const newman: { readonly run: typeof run };
  export default newman;
}
