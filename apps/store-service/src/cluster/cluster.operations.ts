/** GET /api/v1/cluster as the API's document tells it. */
import type { OperationOptions } from '../http/operation.js';
import { clusterSchema } from './cluster.views.js';

const since = '2030-01-31T07:00:00.000Z';
const scheduler = { id: 'scheduler-1', host: 'rome', pid: 4242, since };

export const getCluster = {
  id: 'getCluster',
  tag: 'Cluster',
  summary: 'See who is there and who leads',
  answers: {
    200: {
      description: 'The members of each service, the elections, the executors.',
      schema: clusterSchema,
      example: {
        members: {
          store: [{ id: 'store-1', host: 'rome', pid: 4241, since }],
          scheduler: [scheduler],
          executor: [],
        },
        elections: [
          { election: 'scheduler/shard-0', leader: { ...scheduler, epoch: 7 }, candidates: [scheduler] },
        ],
        executors: [
          {
            id: 'executor-1-6b1d',
            instance: 'executor-1',
            slots: 16,
            running: 3,
            queues: [],
            types: ['command', 'print'],
            draining: false,
            leaseExpiresAt: '2030-01-31T08:00:30.000Z',
          },
        ],
      },
    },
  },
  problems: { unavailable: 'ZooKeeper or Postgres cannot be reached. Try again.' },
} as const satisfies OperationOptions;
