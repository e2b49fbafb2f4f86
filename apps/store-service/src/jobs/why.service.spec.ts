import { expect, test } from 'vitest';
import { drainerOf, leadershipOf } from './why.service.js';

const candidate = (id: string, leader: boolean) => ({
  id,
  host: 'h',
  pid: 1,
  since: '2026-06-01T00:00:00Z',
  leader,
});
const election = (shard: number, ...ids: string[]) => ({
  election: `scheduler/shard-${shard}`,
  candidates: ids.map((id, place) => candidate(id, place === 0)),
});
const holders = new Map([
  ['scheduler/shard-0', 'a'],
  ['scheduler/shard-1', 'b'],
]);

test('the first in line leads when the newest epoch is its own', () => {
  expect(leadershipOf(7, [election(0, 'a', 'b')], holders)).toEqual({ kind: 'leading' });
  expect(leadershipOf(7, [election(0, 'b', 'a')], holders)).toEqual({ kind: 'none', candidates: 2 });
});

test('a queue is led by the leader of its shard', () => {
  const elections = [election(0, 'x'), election(1, 'b', 'x')];
  expect(leadershipOf(7, elections, holders)).toEqual({ kind: 'leading' });
  expect(leadershipOf(6, elections, holders)).toEqual({ kind: 'none', candidates: 1 });
});

test('shards of an earlier configuration, for which nobody stands, do not count', () => {
  expect(leadershipOf(7, [election(0, 'a'), election(1), election(2)], holders)).toEqual({ kind: 'leading' });
});

test('without any candidate nobody leads; without ZooKeeper nobody knows', () => {
  expect(leadershipOf(7, [election(0)], holders)).toEqual({ kind: 'none', candidates: 0 });
  expect(leadershipOf(7, [], holders)).toEqual({ kind: 'none', candidates: 0 });
  expect(leadershipOf(7, undefined, holders)).toEqual({ kind: 'unknown' });
});

test('a queue in strict order is drained by the first in line, once the newest epoch of that queue is its own', () => {
  const line = [{ ...election(0, 'a', 'b'), election: 'executor/queues/ledger' }];
  const led = (holder: string) => drainerOf('ledger', line, new Map([['executor/queues/ledger', holder]]));
  expect(led('a')).toEqual({ kind: 'leading' });
  expect(led('b')).toEqual({ kind: 'none', candidates: 2 });
  expect(drainerOf('other', line, new Map())).toEqual({ kind: 'none', candidates: 0 });
  expect(drainerOf('ledger', undefined, new Map())).toEqual({ kind: 'unknown' });
});
