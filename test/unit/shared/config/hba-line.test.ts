import { expect, it } from 'vitest';
import { hbaLineFault } from '../../../../shared/config/hba-line.ts';

it.each([
  'host all all samehost scram-sha-256',
  'hostssl app app 10.0.0.0/8 cert map=x',
  'host all all 10.0.0.0 255.0.0.0 scram-sha-256',
  'host all all fe80:: ffff:: reject',
  'local all all peer',
  'host "my db", other all all scram-sha-256 # comment with trust',
  'host all all db.example.com scram-sha-256',
])('lets %s pass', (line) => {
  expect(hbaLineFault(line)).toBeNull();
});

it.each([
  ['host all all all trust', '`trust` is refused'],
  ['host all all all "trust"', '`trust` is refused'],
  ['local all all password', '`password` is refused'],
  ['host all all 0.0.0.0 0.0.0.0 md5', '`md5` is refused'],
  ['host a, b all all trust', '`trust` is refused'],
  ['host a,b all all\ttrust', '`trust` is refused'],
  ['host all all all toString', 'is not an authentication method'],
  ['host all all 127.1 255.0.0.0 trust', 'is not an authentication method'],
  ['host all all all # trust', 'no authentication method'],
  ['include other.conf', 'begins with local, host'],
  ['host all "all all trust', 'quotes'],
  ['host all all all reject\nhost all all all trust', 'one line'],
  ['host all all all \\', 'one line'],
  ['# nothing', 'empty'],
])('refuses %j', (line, why) => {
  expect(hbaLineFault(line)).toContain(why);
});
