/** One trial: what it was failed for, its course, the rows that are not as they should be, and everything that was told of it. Pure. */
import type { Figures } from '../measure.ts';
import { dataFaults } from './data-faults.ts';
import { figure } from './figure.ts';
import type { PlacedTrial } from './dot-strip.ts';
import { markup, type Content, type Markup } from './markup.ts';
import { trialCourse } from './trial-course.ts';
import { workloadFlaws } from './workload-flaws.ts';

export function trialPanel({ path, trial }: PlacedTrial, isOpen: boolean): Markup {
  const { figures, reasons, happenings, findings } = trial;
  const held = reasons.length === 0 ? markup`<span class="verdict pass">held</span>` : markup`<span class="verdict fail">failed</span>`;
  const heading: Content = [`trial ${String(trial.trial)}, `, trial.leader === null ? 'no leader' : `${trial.leader} led`, ' '];
  return markup`<details${isOpen ? ' open' : ''}><summary>${heading}${held} ${figures === null ? 'nothing was measured' : inShort(figures, path)}</summary>
${trial.scenario === 'random' ? markup`<p>${trial.does}</p>` : ''}
${reasons.length === 0 ? '' : markup`<ul>${reasons.map(({ text }) => markup`<li class="bad">${text}</li>`)}</ul>`}
${figures === null ? '' : [trialCourse(path, trial, figures), legend(figures.timeline.bucketMs, path), dataFaults(figures, path)]}
${workloadFlaws(trial.workloads, path)}
${findings.length === 0 ? '' : markup`<ul>${findings.map(finding)}</ul>`}
<details><summary class="quiet">what was told, ${happenings.length} lines</summary><div class="scroll"><table class="told"><tbody>
${happenings.map(({ afterFaultMs, text }, at) => markup`<tr><td>${figure(`${path}.happenings.${String(at)}.afterFaultMs`, afterFaultMs)} ms</td><td>${text}</td></tr>`)}
</tbody></table></div></details></details>
`;
}

function inShort({ outage, data, rpoMs, failovers, clientErrors }: Figures, path: string): Markup {
  const at = `${path}.figures`;
  return markup`<span class="quiet">${figure(`${at}.outage.lengthMs`, outage.lengthMs)} ms without an acknowledgement,
failovers ${figure(`${at}.failovers`, failovers)}, client errors ${figure(`${at}.clientErrors`, clientErrors)},
${figure(`${at}.data.lost.length`, data?.lost.length)} of ${figure(`${at}.data.checked`, data?.checked)} acknowledged rows lost, RPO ${figure(`${at}.rpoMs`, rpoMs)} ms</span>`;
}

function legend(bucketMs: number, path: string): Markup {
  return markup`<div class="legend"><span><i class="of-writes"></i>acknowledged through the proxy per ${figure(`${path}.figures.timeline.bucketMs`, bucketMs)} ms</span>
<span><i class="of-direct"></i>acknowledged past the proxy</span><span><i class="of-fault"></i>fault</span><span><i class="of-outage"></i>longest standstill</span></div>`;
}

function finding({ claim, holds, seen }: PlacedTrial['trial']['findings'][number]): Markup {
  return markup`<li class="${holds ? 'good' : 'bad'}">${holds ? 'holds' : 'does not hold'}: ${claim} (${seen})</li>`;
}
