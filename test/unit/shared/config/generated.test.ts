/**
 * The committed schemas and the reference must be what the code generates. After a change of a key: `vitest run FILE -u` (in this order: `-u FILE` would run everything).
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { configReference } from '../../../../shared/config/config-reference.ts';
import { schemaFiles, writeSchemas } from '../../../../shared/config/json-schema.ts';
import { knownVariables } from '../../../../shared/config/load.ts';
import { OWNED_PARAMETERS } from '../../../../shared/config/owned-parameters.ts';
import { DEFAULT_POLICY, RELATIONS } from '../../../../shared/domain/policy.ts';

const DOCS = '../../../../docs';

it('docs/schema holds the schemas the code generates', async () => {
  const files = Object.entries(schemaFiles());
  expect(files).toHaveLength(2);
  for (const [name, text] of files) await expect(text).toMatchFileSnapshot(`${DOCS}/schema/${name}`);
});

it('docs/CONFIG.md is the text the code generates', async () => {
  await expect(configReference()).toMatchFileSnapshot(`${DOCS}/CONFIG.md`);
});

it('the reference names every relation, every policy key, every variable and every owned setting', () => {
  const text = configReference();
  for (const { claim } of RELATIONS) expect(text).toContain(claim);
  for (const key of Object.keys(DEFAULT_POLICY)) expect(text).toContain(`\`policy.${key}\``);
  for (const variable of knownVariables().filter((name) => !name.endsWith('_FILE'))) expect(text).toContain(`\`${variable}\``);
  for (const name of OWNED_PARAMETERS) expect(text).toContain(`\`${name}\``);
});

it('every key has a description', () => {
  const empty = configReference()
    .split('\n')
    .filter((line) => line.startsWith('| `') && line.includes('|  |'));
  expect(empty).toEqual([]);
});

it('writes the schemas where it is told to', () => {
  const dir = mkdtempSync(join(tmpdir(), 'schemas-'));
  try {
    const paths = writeSchemas(join(dir, 'deep'));
    expect(paths.map((path) => basename(path))).toEqual(['node.schema.json', 'proxy.schema.json']);
    for (const path of paths) expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ type: 'object', additionalProperties: false });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
