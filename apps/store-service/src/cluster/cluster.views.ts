/** The cluster as the API shows it. */
import { z } from 'zod';
import { time, wholeNumber } from '../http/answer-fields.js';
import type { View } from '../http/operation.js';

const memberSchema = z
  .object({
    id: z.string().describe('INSTANCE_ID of the process.'),
    host: z.string(),
    pid: wholeNumber,
    since: time,
  })
  .meta({ id: 'Member', description: 'A process that is there.' });

export const clusterSchema = z
  .object({
    members: z.object({
      store: z.array(memberSchema),
      scheduler: z.array(memberSchema),
      executor: z.array(memberSchema),
    }),
    elections: z.array(
      z.object({
        election: z.string().describe('Such as `scheduler/shard-0` or `executor/reclaimer`.'),
        leader: memberSchema
          .extend({
            epoch: wholeNumber.describe('Fencing token of this leadership; each has a greater one.'),
          })
          .nullable()
          .describe('First in line, with the epoch of its leadership; null while nobody leads.'),
        candidates: z.array(memberSchema).describe('In the order in which they would lead.'),
      }),
    ),
    executors: z.array(
      z.object({
        id: z.string(),
        instance: z.string().describe('INSTANCE_ID of its process.'),
        slots: wholeNumber.describe('How many jobs it runs at once at most.'),
        running: wholeNumber.describe('How many it runs now.'),
        queues: z.array(z.string()).describe('Queues that it takes jobs from; none named is all.'),
        types: z.array(z.string()).describe('Job types that it runs.'),
        draining: z.boolean().describe('Whether it finishes what it has and takes nothing new.'),
        leaseExpiresAt: time.describe('Until then its jobs stay with it, also when it cannot be heard.'),
      }),
    ),
  })
  .meta({ id: 'Cluster', description: 'Who is there, who leads, and what the executors do.' });

export type ClusterAnswer = View<typeof clusterSchema>;
export type MemberView = View<typeof memberSchema>;
