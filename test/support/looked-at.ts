/**
 * What a page of the report looks like from inside the browser. The expressions run there and are text here, because the types of this project know no
 * document; each returns plain values that a test can compare.
 */
import type { Page } from 'playwright-core';

export type Box = { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number };
export type Shown = { readonly path: string; readonly text: string; readonly isVisible: boolean };
export type Drawing = { readonly label: string; readonly box: Box; readonly shapes: readonly (Box & { readonly name: string })[] };

const BOX = '(el) => { const { left, right, top, bottom } = el.getBoundingClientRect(); return { left, right, top, bottom }; }';

export async function unfold(page: Page): Promise<void> {
  await page.evaluate(`for (const el of document.querySelectorAll('details')) el.open = true`);
}

export async function figuresShown(page: Page): Promise<readonly Shown[]> {
  return page.evaluate(`[...document.querySelectorAll('[data-figure]')].map((el) => (
    { path: el.dataset.figure, text: el.textContent, isVisible: el.checkVisibility() && el.getBoundingClientRect().width > 0 }))`);
}

/** Of every drawing that is not part of another one: the shapes and letters in it that have any size. */
export async function drawings(page: Page): Promise<readonly Drawing[]> {
  return page.evaluate(`(() => {
    const box = ${BOX};
    return [...document.querySelectorAll('svg')].filter((svg) => svg.parentElement.closest('svg') === null).map((svg) => ({
      label: svg.getAttribute('aria-label'),
      box: box(svg),
      shapes: [...svg.querySelectorAll('circle, path, rect, line, text')]
        .filter((el) => el.parentElement.closest('svg') === svg || el.tagName === 'path')
        .map((el) => ({ name: el.getAttribute('class') ?? el.tagName, ...box(el) }))
        .filter(({ left, right, top, bottom }) => right > left || bottom > top),
    }));
  })()`);
}

/** How far the page reaches beyond the window, in pixels; what scrolls within a frame of its own does not count. */
export async function overhang(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

/** How well the text of an element stands out from what is behind it, as the WCAG reckon it: 1 not at all, 21 black on white. */
export async function contrast(page: Page, selector: string): Promise<number> {
  return page.evaluate(`(() => {
    const el = document.querySelector(${JSON.stringify(selector)});
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const ground = (at) => at === null ? [255, 255, 255] : (parts(getComputedStyle(at).backgroundColor)[3] ?? 1) > 0 ? parts(getComputedStyle(at).backgroundColor) : ground(at.parentElement);
    const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
      .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
    const [one, other] = [light(parts(getComputedStyle(el).color)), light(ground(el))].toSorted((a, b) => b - a);
    return (one + 0.05) / (other + 0.05);
  })()`);
}
