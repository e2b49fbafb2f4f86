/** Events of jobs as clients see them. */
import type { JobEvent } from '#common/domain/job-event.js';
import { eventText } from '../http/event-stream.js';

/** @param idPrefix the id up to the seq (windowId) */
export function jobEventText({ seq, xid: _xid, ...event }: JobEvent, idPrefix: string): string {
  return eventText('job', event, idPrefix + seq.toString(36));
}
