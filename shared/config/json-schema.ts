/** JSON Schemas for editors, generated from the schemas that validate. Committed under docs/schema; a test fails when they are stale. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeSchema } from './node-config.ts';
import { jsonSchemaOf } from './option-table.ts';
import { proxySchema } from './proxy-config.ts';

/** File name → content. */
export function schemaFiles(): Readonly<Record<string, string>> {
  return {
    'node.schema.json': toText(jsonSchemaOf(nodeSchema, 'pgbaton node')),
    'proxy.schema.json': toText(jsonSchemaOf(proxySchema, 'pgbaton proxy')),
  };
}

/** Returns the paths it wrote. */
export function writeSchemas(dir: string): readonly string[] {
  mkdirSync(dir, { recursive: true });
  return Object.entries(schemaFiles()).map(([name, text]) => {
    const path = join(dir, name);
    writeFileSync(path, text);
    return path;
  });
}

function toText(schema: Record<string, unknown>): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}
