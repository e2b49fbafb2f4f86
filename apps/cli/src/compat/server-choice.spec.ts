import { expect, it, test } from 'vitest';
import { chooseServers } from './server-choice.js';

test('servers take jobs in turn, and those that did not take one tell what became of it', () => {
  const choice = chooseServers({ servers: 'a:1,b:2, c:3' });
  expect(choice.submitTo).toEqual(['a:1', 'b:2', 'c:3']);
  expect(choice.statusOf('b:2')).toEqual(['a:1', 'c:3']);
});

test('a submit server takes all jobs, and only the status servers are asked', () => {
  const choice = chooseServers({ servers: 'a:1', submitServer: 'b:2', statusServers: 'c:3,d:4' });
  expect(choice.submitTo).toEqual(['b:2']);
  expect(choice.statusOf('b:2')).toEqual(['c:3', 'd:4']);
});

test('one server alone does both, and without any it is the one on this machine', () => {
  expect(chooseServers({ servers: 'a:1' }).statusOf('a:1')).toEqual(['a:1']);
  expect(chooseServers({ submitServer: '[::1]:5' }).statusOf('[::1]:5')).toEqual(['[::1]:5']);
  expect(chooseServers({ servers: '' }).submitTo).toEqual(['localhost:50051']);
});

it.each(['a', 'a:b', 'a:1 b:2', 'http://a:1'])('refuses %s as an address', (servers) => {
  expect(() => chooseServers({ servers })).toThrow('must be host:port');
});
