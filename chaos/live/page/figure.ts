/**
 * A figure of the report on the page, with the place in report.json where the very same stands. A test looks every one of them up; so no figure may
 * be shown that is computed here. Pure.
 */
import { markup, type Markup } from './markup.ts';

/** Shown in whole numbers; null: nobody measured it. */
export function figure(path: string, value: number | string | null | undefined): Markup {
  const shown = typeof value === 'number' ? String(Math.round(value)) : (value ?? '–');
  return markup`<span data-figure="${path}">${shown}</span>`;
}

/** Unknown is not none. */
export function mustBeNone(path: string, value: number | null): Markup {
  return value === 0 ? figure(path, value) : markup`<span class="bad">${figure(path, value)}</span>`;
}
