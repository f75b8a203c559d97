/** docs/CONFIG.md, generated from the schemas, the secrets, the owned settings and the timing relations. Write prose here, never in the output. */
import { RELATIONS } from '../domain/policy.ts';
import { NODE_SECRETS, nodeSchema } from './node-config.ts';
import { optionsOf } from './option-table.ts';
import type { ConfigOption } from './option-table.ts';
import { PARAMETER_FLOORS, PARAMETER_OWNERSHIP, WAL_LEVELS } from './owned-parameters.ts';
import { proxySchema } from './proxy-config.ts';
import { ETCD_PASSWORD } from './sections.ts';

const INTRODUCTION = `# Configuration

<!-- Generated from shared/config and shared/domain/policy.ts. Regenerate with \`npx vitest run test/unit/shared/config/generated.test.ts -u\`. -->

One YAML file per process. All faults are reported at once, each with its line, and nothing starts until there are none. Unknown keys are
faults. A key with nothing after it counts as not set.

Every value can be replaced by an environment variable (last column of the tables): lists are separated by commas or written as JSON,
maps are JSON. An empty variable counts as not set. A variable that is one slip away from a known name is refused.

For completion in an editor, begin the file with \`# yaml-language-server: $schema=docs/schema/node.schema.json\` (or \`proxy.schema.json\`).

## The shortest file for a node

\`\`\`yaml
cluster: main
name: pg1
etcd:
  endpoints: [http://10.0.0.11:2379, http://10.0.0.12:2379, http://10.0.0.13:2379]
api:
  host: 10.0.0.1
postgres:
  dataDir: /var/lib/pgbaton/data
  listenAddresses: localhost, 10.0.0.1
  advertiseHost: 10.0.0.1
secrets:
  superuserPasswordFile: secrets/superuser
  replicationPasswordFile: secrets/replication
  monitorPasswordFile: secrets/monitor
  rewindPasswordFile: secrets/rewind
  peerTokenFile: secrets/peer-token
stateDir: /var/lib/pgbaton/state
\`\`\`
`;

const SECRETS_TEXT = `## Secrets

A secret is never written into the YAML file and never given on the command line. It is looked for in this order: the variable, the file named by
the variable with \`_FILE\` behind it, the file named in the YAML. The file holds one line of printable ASCII without spaces, and must not be
readable for everybody (mode 0600; files under /run/secrets are exempt, because container runtimes fix their mode).
`;

export function configReference(): string {
  return [
    INTRODUCTION,
    `## Node\n\n${optionTable(optionsOf(nodeSchema))}`,
    `## Proxy\n\n${optionTable(optionsOf(proxySchema))}`,
    `${SECRETS_TEXT}\n${secretTable()}`,
    relationsText(),
    parametersText(),
  ].join('\n');
}

function optionTable(options: readonly ConfigOption[]): string {
  return table(
    ['key', 'type', 'default', 'meaning', 'variable'],
    options.map((option) => [
      `\`${option.path.join('.')}\``,
      typeText(option),
      defaultText(option),
      option.description,
      option.envName === null ? 'see Secrets' : `\`${option.envName}\``,
    ]),
  );
}

function secretTable(): string {
  const specs = [...Object.values(NODE_SECRETS), ETCD_PASSWORD];
  return table(
    ['key of the file', 'variable', 'at least'],
    specs.map(({ path, envName, minLength }) => [
      `\`${path.join('.')}\``,
      `\`${envName}\``,
      minLength === 1 ? '1 character' : `${String(minLength)} characters`,
    ]),
  );
}

function relationsText(): string {
  const lines = RELATIONS.map(({ claim }) => `- ${claim}.`);
  return `## Relations between the timings\n\nA file in which one of these does not hold is refused with the arithmetic (PGB-1004). Nothing is adjusted silently.\n\n${lines.join('\n')}\n`;
}

function parametersText(): string {
  const owned = table(
    ['setting', 'why it cannot be set in postgres.parameters'],
    Object.entries(PARAMETER_OWNERSHIP).map(([name, why]) => [`\`${name}\``, why]),
  );
  const floors = Object.entries(PARAMETER_FLOORS).map(([name, floor]) => `- \`${name}\`: at least ${String(floor)}`);
  return `## Settings of PostgreSQL that belong to pgbaton\n\n${owned}\nThese may be set within bounds:\n\n${floors.join('\n')}\n- \`wal_level\`: ${WAL_LEVELS.join(' or ')}\n`;
}

function typeText({ choices, type, minimum, maximum }: ConfigOption): string {
  if (choices.length > 0) return choices.join(', ');
  if (minimum !== null && maximum !== null) return `${type} ${String(minimum)}–${String(maximum)}`;
  return minimum === null ? type : `${type} ≥ ${String(minimum)}`;
}

function defaultText(option: ConfigOption): string {
  if (option.required) return '**required**';
  return option.defaultText === null ? 'not set' : `\`${option.defaultText}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<', '\\<')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}
