/** The chapters of the API, in the order of its document. */
export const TAGS = {
  Jobs: 'Submit work, see what became of it, end it early.',
  'Bulk operations': 'One thing done to all jobs that fit a filter, in the background, with progress.',
  Workflows: 'Jobs that are submitted together, of which some wait for others.',
  Events: 'Hear of what happens to jobs, as it happens.',
  Schedules: 'Jobs that recur, by cron or at intervals.',
  Queues: 'What a queue may do at once and in a time, whether it is paused, and how much is in it.',
  'Dead letters': 'Jobs whose attempts are used up: look through them, drive them again, delete them.',
  Workers: 'Programs in any language that run jobs: lease them, keep them alive, say what became of them.',
  Cluster: 'Who is there, who leads, and what the executors do.',
  'Other systems': 'The HTTP interfaces of two other schedulers, for clients that were written for them.',
  Access: 'API keys, and who changed what.',
  Service: 'For orchestrators, monitoring and people who read this.',
} as const;

export type TagName = keyof typeof TAGS;
