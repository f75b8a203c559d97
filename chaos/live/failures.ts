/** docs/FAILURES.md, generated from the scenarios and the weapons of the random mode. Write prose here, never in the output. Pure. */
import { SABOTAGE, SCENARIOS } from './catalogue.ts';
import { backendsOf, NODE_LOST, playedOn, type Bound, type Demand, type Scenario } from './scenario.ts';
import { WEAPONS } from './weapons.ts';

const introduction = (): string => `# What can fail, and what clients see

<!-- Generated from chaos/live. Regenerate with \`npx vitest run test/unit/chaos/live/failures.test.ts -u\`. -->

What happens, what applications behind the proxy see of it, and the scenario that proves it on real processes: \`pgbaton chaos run NAME\`
([CHAOS.md](CHAOS.md) says how it is judged). In every one of them nothing that was acknowledged is lost, doubled or invented, no old primary
acknowledges anything after a new one has, all nodes end with the same rows, and the cluster becomes whole again unaided.

*Pause* is the longest time without an acknowledged write, of sessions that are kept and of new ones; a bound with \`*\` is set by the
scenario, the others are stated goals of the project. In the median, then at worst. These are demands, stated before anything is measured; whether
they hold on a machine is what the run on it says.

*Played on*: \`--backend processes\` (p), \`namespaces\` (n), \`containers\` (c). A lost node is given ${containerBound()} on containers, where the
engine works on the same cores while it takes the node away.
`;

const HEADINGS = [
  'what happens',
  'clients see',
  'pause, kept sessions',
  'pause, new sessions',
  'client errors',
  'failovers',
  'scenario',
  'played on',
];

export function failureReference(): string {
  return [
    introduction(),
    table(SCENARIOS),
    `## One or two at once

\`pgbaton chaos random\` draws one or two of these from a seed and demands the same, without bounds for the pause:
${WEAPONS.map(({ name }) => `\`${name}\``).join(', ')}.
`,
    `## What has to fail

These test the judge and not pgbaton: clusters that are made to lose something. They are never part of \`run --all\`.

${SABOTAGE.map(({ name, does, clientsSee }) => `- \`${name}\`: ${does}. Clients see: ${clientsSee}.`).join('\n')}
`,
  ].join('\n');
}

function table(scenarios: readonly Scenario[]): string {
  const lines = scenarios.map(({ name, does, clientsSee, needs, onContainers, demand }) => [
    does,
    clientsSee,
    pause(demand.outage),
    pause(demand.freshOutage),
    errors(demand),
    failovers(demand),
    `\`${name}\`${needs.length === 0 ? '' : ` (needs ${needs.join(', ')})`}`,
    backendsOf({ needs, onContainers })
      .map((backend) => backend[0])
      .join(' '),
  ]);
  return [HEADINGS, HEADINGS.map(() => '---'), ...lines].map((cells) => `| ${cells.map(cell).join(' | ')} |\n`).join('');
}

function containerBound(): string {
  const [lost] = SCENARIOS.filter(({ demand, onContainers }) => demand.outage === NODE_LOST && onContainers !== null);
  return lost === undefined ? pause(null) : pause(playedOn('containers', lost).demand.outage);
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`);
}

function pause(bound: Bound | null): string {
  if (bound === null) return 'no bound';
  const { medianMs, maxMs, origin } = bound;
  return `${medianMs === null ? '' : `${String(medianMs)} ms, `}${String(maxMs)} ms${origin === 'own' ? ' *' : ''}`;
}

function errors({ clientErrorsMax }: Demand): string {
  if (clientErrorsMax === null) return 'possible';
  return clientErrorsMax === 0 ? 'none' : `at most ${String(clientErrorsMax)}`;
}

function failovers({ failovers: { least, most } }: Demand): string {
  if (most === 0) return 'none';
  return least === most ? String(most) : `${String(least)} to ${String(most)}`;
}
