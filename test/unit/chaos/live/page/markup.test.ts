import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Markup, markup } from '../../../../../chaos/live/page/markup.ts';

it('text is escaped, markup is not, lists are joined', () => {
  const inner = markup`<b>${'<&>'}</b>`;
  expect(markup`<p title="${`'"`}">${[inner, 1, ['x', '<']]}</p>`.text).toBe('<p title="&#39;&quot;"><b>&lt;&amp;&gt;</b>1x&lt;</p>');
});

it('no text whatever leaves the place it was put into', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', 'a', ' ', '/', '=') }), (text) => {
      const escaped = markup`${text}`.text;
      expect(escaped).not.toMatch(/[<>"']/);
      const back = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" } as Record<string, string>;
      expect(escaped.replaceAll(/&([a-z0-9#]+);/g, (_, name: string) => back[name] ?? '?')).toBe(text);
    }),
  );
});

it('something that only looks like markup is none', () => {
  expect(markup`${String(new Markup('<i>').text)}`.text).toBe('&lt;i&gt;');
});
