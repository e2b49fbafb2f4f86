/** The order in which jobs of a workflow can run, or the cycle that leaves them none. */

interface Edge {
  readonly parent: number;
  readonly child: number;
}

export type GraphOrder =
  /** The jobs, each after those that it depends on; otherwise in the order given. */
  | { readonly kind: 'order'; readonly order: readonly number[] }
  /** Each waits for the next, and the last for the first. */
  | { readonly kind: 'cycle'; readonly cycle: readonly number[] };

/** Takes time in proportion to jobs and edges. @param size how many jobs there are; edges name them by number, from 0 */
export function orderJobs(size: number, edges: readonly Edge[]): GraphOrder {
  const children = Array.from({ length: size }, (): number[] => []);
  const waitsFor = Array.from({ length: size }, () => 0);
  for (const { parent, child } of edges) {
    children[parent]?.push(child);
    waitsFor[child] = (waitsFor[child] ?? 0) + 1;
  }
  const order = [...waitsFor.keys()].filter((job) => waitsFor[job] === 0);
  // The list grows while it is walked.
  for (const job of order) {
    for (const child of children[job] ?? []) {
      const left = (waitsFor[child] ?? 0) - 1;
      waitsFor[child] = left;
      if (left === 0) order.push(child);
    }
  }
  if (order.length === size) return { kind: 'order', order };
  return { kind: 'cycle', cycle: findCycle(edges, new Set(order)) };
}

/** Whoever cannot be ordered waits for somebody who cannot either: walking from one to the next must come round. */
function findCycle(edges: readonly Edge[], ordered: ReadonlySet<number>): number[] {
  const waitsFor = new Map<number, number>();
  for (const { parent, child } of edges) if (!ordered.has(parent)) waitsFor.set(child, parent);
  const path: number[] = [];
  const places = new Map<number, number>();
  let [job] = [...waitsFor.keys()].filter((child) => !ordered.has(child));
  while (job !== undefined && !places.has(job)) {
    places.set(job, path.length);
    path.push(job);
    job = waitsFor.get(job);
  }
  return path.slice(places.get(job ?? -1) ?? 0);
}
