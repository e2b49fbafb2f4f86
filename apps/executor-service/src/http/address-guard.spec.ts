import { expect, test } from 'vitest';
import { AddressGuard, AddressRefused, type Address } from './address-guard.js';

const refusing = new AddressGuard([]);
const resolvingTo = (...addresses: string[]) =>
  new AddressGuard([], () =>
    Promise.resolve(
      addresses.map((address): Address => ({ address, family: address.includes(':') ? 6 : 4 })),
    ),
  );
/** As a URL has the host. */
const hostOf = (host: string) => new URL(`http://${host}/`).hostname;

test.each([
  '127.0.0.1',
  '127.9.9.9',
  '0.0.0.0',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '100.100.100.200',
  '169.254.169.254',
  '168.63.129.16',
  '192.0.0.192',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '[::1]',
  '[::]',
  '[fe80::1]',
  '[fd00:ec2::254]',
  '[fc00::1]',
  '[ff02::1]',
  '[2001:db8::1]',
  // IPv4 in disguise.
  '[::ffff:127.0.0.1]',
  '[::ffff:169.254.169.254]',
  '[::ffff:8.8.8.8]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  '[2001:0:7f00:1::]',
  '2130706433',
  '0x7f.1',
  '0177.0.0.1',
  '127.1',
])('%s is not reached', async (host) => {
  await expect(refusing.addressesOf(hostOf(host))).rejects.toThrow(AddressRefused);
});

test.each(['8.8.8.8', '172.32.0.1', '[2606:4700::1111]'])('%s is public', async (host) => {
  expect(await refusing.addressesOf(hostOf(host))).toHaveLength(1);
});

test('this machine’s own name for itself is not reached', async () => {
  await expect(refusing.addressesOf('localhost')).rejects.toThrow(AddressRefused);
});

test('a name is refused when any of its addresses is, and what it resolves to is not told', async () => {
  const answer = resolvingTo('93.184.216.34', '10.1.2.3').addressesOf('rebind.test');
  await expect(answer).rejects.toThrow('rebind.test is not a public address; EXECUTOR_HTTP_ALLOW');
  await expect(answer).rejects.not.toThrow('10.1.2.3');
  await expect(resolvingTo('93.184.216.34', 'fe80::1%2').addressesOf('zone.test')).rejects.toThrow(
    AddressRefused,
  );
  expect(await resolvingTo('93.184.216.34', '2606:4700::1111').addressesOf('fine.test')).toHaveLength(2);
});

test('networks that are allowed are reached, and no more of them', async () => {
  const guard = new AddressGuard(['10.1.0.0/16', '127.0.0.1', 'fd00:1::/32']);
  for (const host of ['10.1.255.255', '127.0.0.1', '[fd00:1::5]'])
    expect(await guard.addressesOf(hostOf(host))).toHaveLength(1);
  for (const host of ['10.2.0.1', '127.0.0.2', '[fd00:2::5]'])
    await expect(guard.addressesOf(hostOf(host))).rejects.toThrow(AddressRefused);
});
