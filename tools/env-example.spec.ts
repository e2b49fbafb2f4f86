import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ENV_EXAMPLE, envExample, SETTINGS_DOCUMENT, settingsDocument } from './env-example.js';
import { fieldsOf, SERVICE_ENVIRONMENTS, SETTING_GROUPS } from './setting-catalogue.js';

const settings = SETTING_GROUPS.flatMap((group) => group.settings);

describe('the settings that are written down', () => {
  it('are those that the services read today; if not: npm run env:example', () => {
    expect(readFileSync(ENV_EXAMPLE, 'utf8')).toBe(envExample());
    expect(readFileSync(SETTINGS_DOCUMENT, 'utf8')).toBe(settingsDocument());
  });

  it('leave out none that a service reads', () => {
    const written = settings.map(({ name }) => name);
    for (const schema of Object.values(SERVICE_ENVIRONMENTS))
      expect(written).toEqual(expect.arrayContaining(Object.keys(fieldsOf(schema))));
  });

  it('have defaults that mean the same when they are written as when nothing is', () => {
    for (const schema of Object.values(SERVICE_ENVIRONMENTS)) {
      for (const [name, field] of Object.entries(fieldsOf(schema))) {
        const defaultValue = settings.find((setting) => setting.name === name)?.defaultValue;
        if (defaultValue) expect(field.parse(defaultValue)).toEqual(field.parse(undefined));
      }
    }
  });

  it('are each described, once, and never with a secret', () => {
    expect(new Set(settings.map(({ name }) => name)).size).toBe(settings.length);
    expect(settings.filter(({ description }) => !/^\S.{8,}$/.test(description))).toEqual([]);
    const secrets = settings.filter(({ name }) => /PASSWORD|^DATABASE_URL$|^REDIS_URL$/.test(name));
    expect(secrets.filter(({ defaultValue }) => defaultValue !== undefined)).toEqual([]);
  });
});
