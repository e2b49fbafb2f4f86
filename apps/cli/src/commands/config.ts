/** `triumvir config`: profiles, which name stores and the keys for them. */
import type { Command } from 'commander';
import { apiKeyOf } from '../api-key.js';
import { checkedBy } from '../arguments.js';
import type { CommandContext } from '../context.js';
import { UsageError } from '../exit-codes.js';
import { outputOption, printRecord, printRecords, type OutputFormat } from '../output.js';
import {
  maskedKey,
  profileName,
  profileNamed,
  profilesPath,
  readProfiles,
  writeProfiles,
  type Profile,
} from '../profiles.js';
import { renderTable, type TableStyle } from '../tables.js';

interface OutputFlag {
  readonly output: OutputFormat;
}

/** A profile as it is shown: its key is never whole. */
interface ProfileView {
  readonly name: string;
  readonly url: string;
  readonly apiKey: string;
  readonly current: boolean;
}

export function addConfigCommand(program: Command, context: CommandContext): void {
  const config = program
    .command('config')
    .summary('keep stores and their keys under names')
    .description(
      'Profiles: the address of a store and the API key for it, under a name. `--profile NAME` uses one once, TRIUMVIR_PROFILE for as long as it is set, `config use` from now on. Flags go before the environment, that before the profile.',
    );

  config
    .command('set-profile')
    .summary('save or change a profile')
    .description(
      'Saves the store that --url names, and the key that --api-key-file holds (/dev/stdin reads it from a pipe). What is not given stays as it is.',
    )
    .argument('<name>', 'name of the profile', checkedBy(profileName))
    .option('--forget-key', 'keep no key')
    .option('--use', 'use it from now on')
    .action((name: string, flags: { forgetKey?: true; use?: true }) => setProfile(context, name, flags));

  config
    .command('use')
    .summary('use a profile from now on')
    .argument('<name>', 'name of a profile')
    .action((name: string) => {
      const { env, stdout } = context.terminal;
      const profiles = readProfiles(env);
      const { url } = profileNamed(profiles, name);
      writeProfiles(env, { ...profiles, current: name });
      stdout.write(`using ${name}: ${url}\n`);
    });

  config
    .command('list')
    .summary('list profiles')
    .addOption(outputOption())
    .action(({ output }: OutputFlag) => {
      const { profiles, current } = readProfiles(context.terminal.env);
      const views = Object.entries(profiles).map(([name, profile]) => viewOf(name, profile, current));
      printRecords(context.terminal, output, views, (style) => profilesTable(views, style));
    });

  config
    .command('show')
    .summary('show a profile, or what would be used now')
    .description(
      'Shows a profile. Without a name: which store and key a command would use, and what says so.',
    )
    .argument('[name]', 'name of a profile')
    .addOption(outputOption())
    .action((name: string | undefined, { output }: OutputFlag) =>
      name === undefined ? showUsed(context, output) : showProfile(context, name, output),
    );

  config
    .command('remove')
    .summary('forget a profile with its key')
    .argument('<name>', 'name of a profile')
    .action((name: string) => {
      const { env, stdout } = context.terminal;
      const { current, profiles } = readProfiles(env);
      profileNamed({ profiles }, name);
      const { [name]: _removed, ...left } = profiles;
      writeProfiles(env, { ...(current !== undefined && current !== name && { current }), profiles: left });
      stdout.write(`removed ${name}\n`);
    });
}

function setProfile(
  { terminal, flags: globalFlags }: CommandContext,
  name: string,
  { forgetKey, use }: { forgetKey?: true; use?: true },
): void {
  const { env, stdout } = terminal;
  const { url, apiKeyFile } = globalFlags();
  if (forgetKey === true && apiKeyFile !== undefined)
    throw new UsageError('give either --api-key-file or --forget-key, not both');
  const profiles = readProfiles(env);
  const before = Object.hasOwn(profiles.profiles, name) ? profiles.profiles[name] : undefined;
  const address = url?.href ?? before?.url;
  if (address === undefined) throw new UsageError('--url says which store a new profile is for');
  // A key that was for one store is not taken to another.
  const moved = before !== undefined && new URL(before.url).origin !== new URL(address).origin;
  const kept = forgetKey === true || moved ? undefined : before?.apiKey;
  const apiKey = apiKeyFile === undefined ? kept : apiKeyOf(apiKeyFile, {});
  const profile: Profile = { url: address, ...(apiKey !== undefined && { apiKey }) };
  writeProfiles(env, {
    ...profiles,
    ...(use === true && { current: name }),
    profiles: { ...profiles.profiles, [name]: profile },
  });
  stdout.write(`saved ${name} in ${profilesPath(env)}\n`);
}

function showProfile({ terminal }: CommandContext, name: string, output: OutputFormat): void {
  const profiles = readProfiles(terminal.env);
  const view = viewOf(name, profileNamed(profiles, name), profiles.current);
  printRecord(terminal, output, view, (style) => profilesTable([view], style));
}

function showUsed({ terminal, storeAddress }: CommandContext, output: OutputFormat): void {
  const { url, apiKey } = storeAddress();
  const view = {
    url: { value: url.value.href, from: url.from },
    apiKey: apiKey === undefined ? null : { value: maskedKey(apiKey.value), from: apiKey.from },
    file: profilesPath(terminal.env),
  };
  printRecord(terminal, output, view, (style) =>
    renderTable(
      ['SETTING', 'FROM', 'VALUE'],
      [
        ['store', view.url.from, view.url.value],
        ['API key', view.apiKey?.from ?? '-', view.apiKey?.value ?? '-'],
        ['profiles', '-', view.file],
      ],
      style,
    ),
  );
}

const viewOf = (name: string, { url, apiKey }: Profile, current: string | undefined): ProfileView => ({
  name,
  url,
  apiKey: maskedKey(apiKey),
  current: name === current,
});

const profilesTable = (profiles: readonly ProfileView[], style: TableStyle): string =>
  renderTable(
    ['USED', 'NAME', 'API KEY', 'URL'],
    profiles.map(({ name, url, apiKey, current }) => [current ? '*' : '', name, apiKey, url]),
    style,
  );
