/** How the report looks, in the light and in the dark. Constant text; nothing from outside may ever come in here. */
import { Markup } from './markup.ts';

export const STYLE = new Markup(`
:root { color-scheme: light dark; --ground: #fbfbfa; --panel: #fff; --ink: #1d2126; --quiet: #66707a; --rule: #dfe3e6;
  --good: #177a45; --bad: #c22f2f; --bad-soft: #fbe4e2; --writes: #3b76b5; --direct: #9a7bb5; --fault: #d9822b; --fault-soft: #f8dfc0;
  --era-0: #d7e6f4; --era-1: #dcefdc; --era-2: #efe3f3; --era-3: #f4ecd0; --bound: #7a8791; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --panel: #1b1f23; --ink: #e4e7ea; --quiet: #98a2ab; --rule: #30373d;
  --good: #53c285; --bad: #f07068; --bad-soft: #43211f; --writes: #6ba6e3; --direct: #b79bd3; --fault: #e69a4c; --fault-soft: #4b341b;
  --era-0: #22384d; --era-1: #213d29; --era-2: #3a2a44; --era-3: #423a1d; --bound: #8c98a2; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 84rem; padding: 2rem 1.25rem 4rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; } h3 { font-size: 1rem; margin: 0; }
p { margin: .4rem 0; } .quiet { color: var(--quiet); } code { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
.head { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; }
.verdict { font-weight: 700; text-transform: uppercase; letter-spacing: .04em; }
.verdict.pass { color: var(--good); } .verdict.fail { color: var(--bad); }
h1 + .verdict { border: 2px solid currentcolor; border-radius: .35rem; padding: 0 .6rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0; } dt { color: var(--quiet); } dd { margin: 0; }
.panel { background: var(--panel); border: 1px solid var(--rule); border-radius: .5rem; padding: 1rem 1.1rem; margin: 1rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; width: 100%; font-size: .9em; }
th, td { padding: .3rem .5rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { font-weight: 600; color: var(--quiet); vertical-align: bottom; white-space: normal; font-size: .85em; }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--panel); white-space: normal; min-width: 8.5rem; }
.told td:first-child { white-space: nowrap; min-width: 0; }
th:first-child, td:first-child, .told td:last-child { text-align: left; } tbody tr:last-child td { border-bottom: 0; }
.told td:last-child { white-space: normal; width: 100%; }
.bad { color: var(--bad); font-weight: 600; }
ul { margin: .4rem 0; padding-left: 1.2rem; }
details { border-top: 1px solid var(--rule); margin-top: .6rem; padding-top: .6rem; }
details.flaws ul { max-height: 24rem; overflow-y: auto; }
details details { border: 0; margin: 0; padding: .25rem 0; }
summary { cursor: pointer; } summary:focus-visible { outline: 2px solid var(--writes); outline-offset: 2px; }
svg { display: block; width: 100%; font: 11px system-ui, sans-serif; }
svg svg { overflow: hidden; }
@media (max-width: 40rem) { svg .axis text:nth-of-type(even) { display: none; } }
svg text { fill: var(--ink); } svg .axis text, svg text.quiet { fill: var(--quiet); } svg .axis line { stroke: var(--rule); }
.dot { fill: var(--writes); fill-opacity: .8; } .dot.slow { fill: var(--bad); } .dot.open { fill: none; stroke: var(--bad); stroke-width: 2; }
.bound { stroke: var(--bound); stroke-dasharray: 4 3; } .struck { stroke: var(--fault); stroke-width: 2; }
.wound { fill: var(--fault-soft); stroke: var(--fault); } .outage { fill: var(--bad-soft); }
.writes { fill: var(--writes); } .direct { fill: var(--direct); } .baseline { stroke: var(--rule); }
.era-0 { fill: var(--era-0); } .era-1 { fill: var(--era-1); } .era-2 { fill: var(--era-2); } .era-3 { fill: var(--era-3); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .85em; color: var(--quiet); margin: .4rem 0; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; background: var(--colour); }
.legend .of-writes { --colour: var(--writes); } .legend .of-direct { --colour: var(--direct); }
.legend .of-fault { --colour: var(--fault); } .legend .of-outage { --colour: var(--bad-soft); }
`);
