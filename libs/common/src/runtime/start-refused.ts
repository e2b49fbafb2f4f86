/** Thrown while a service starts when it must not run as it is set up. Its message is the one line a person needs. */
export class StartRefusedError extends Error {
  override readonly name = 'StartRefusedError';
}
