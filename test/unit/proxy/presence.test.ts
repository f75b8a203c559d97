import { expect, it } from 'vitest';
import { decodePresence, encodePresence } from '../../../proxy/presence.ts';

it('a proxy that lists itself is found by the others', () => {
  expect(decodePresence(encodePresence({ id: 'p1', rwPort: 5000, roPort: 5001, url: 'http://10.0.0.1:8009' }))).toEqual({
    url: 'http://10.0.0.1:8009',
  });
});

it.each(['', '{', 'null', '[]', '{"url":1}', '{"url":"nowhere"}', '{"url":"file:///etc/passwd"}', `{"url":"http://${'h'.repeat(600)}"}`])(
  'nobody is reached by %j',
  (text) => {
    expect(decodePresence(text)).toBeNull();
  },
);
