import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Boundary } from '../../../../proxy/core/boundary.ts';
import { COUNTED_ANSWERS } from '../../../../proxy/core/message-types.ts';
import { ModelServer, type ClientMessage, type Step } from './boundary-model.ts';

const of = (character: string): number => character.charCodeAt(0);

function loggedIn(): Boundary {
  const boundary = new Boundary();
  boundary.server(of('Z'), of('I'));
  return boundary;
}

/** `>` begins what the client sends, `<` what the server answers; a ReadyForQuery is written with its status. */
function play(story: string, boundary = loggedIn()): Boundary {
  let fromServer = false;
  for (const word of story.split(' ')) {
    if (word === '<' || word === '>') fromServer = word === '<';
    else if (fromServer) boundary.server(of(word), word.startsWith('Z') ? of(word[1] ?? '') : 0);
    else boundary.client(of(word));
  }
  return boundary;
}

const step = fc.constantFrom<Step>('row', 'row', 'row', 'copy', 'copy-fails-early', 'copy-fails-late', 'begin', 'commit', 'fail');
const clientMessage: fc.Arbitrary<ClientMessage> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('Q'), steps: fc.array(step, { maxLength: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('E'), steps: step.map((one) => [one]) }) },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constantFrom('P', 'B', 'D', 'C'), steps: fc.constantFrom<Step[]>(['row'], ['row'], ['fail']) }),
  },
  { weight: 8, arbitrary: fc.record({ type: fc.constantFrom('S', 'S', 'H', 'd', 'c', 'c', 'f'), steps: fc.constant([]) }) },
);

/** How far server and relay come with each message: the server reads behind the client, the relay sees answers behind the server. */
const pace = fc.record({ message: clientMessage, reads: fc.nat({ max: 3 }), sees: fc.nat({ max: 4 }) });

describe('Boundary', () => {
  it('is busy until the login has ended', () => {
    const boundary = new Boundary();
    expect(boundary.at).toBe('busy');
    expect(boundary.mayForwardWhileParking(of('p'))).toBe(true);
    expect(boundary.mayForwardWhileParking(of('Q'))).toBe(false);
    boundary.client(of('p'));
    boundary.server(of('Z'), of('I'));
    expect(boundary.at).toBe('boundary');
  });

  it.each([
    ['a Query ends the series: one answer', '> P B E Q < 1 2 D C T D C ZI', 'boundary'],
    ['a Query behind a failed Parse is skipped', '> P Q S < E ZI', 'boundary'],
    ['without a Sync the skipping goes on', '> P Q < E', 'busy'],
    ['what is skipped is not owed', '> P Q < E > P B Q S < ZI', 'boundary'],
    ['an error inside the Query is its own', '> P B E Q S < 1 2 D C E ZI ZI', 'boundary'],
    ['one of the two is outstanding', '> P B E Q S < 1 2 D C E ZI', 'busy'],
    ['a Flush is no boundary', '> P B E H < 1 2 D D s', 'busy'],
    ['a Flush alone changes nothing', '> H', 'boundary'],
    ['a suspended portal is gone with the Sync', '> E S < s ZI', 'boundary'],
    ['a transaction stays', '> Q < C ZT', 'in-transaction'],
    ['a failed transaction stays', '> Q < E ZE', 'in-transaction'],
    ['an early Sync is eaten by COPY', '> P B E S < 1 2 G > d c S < C ZI', 'boundary'],
    ['many early Syncs are eaten by COPY', '> P B E S S S < 1 2 G > d c S < C ZI', 'boundary'],
    ['a Sync during COPY is eaten', '> Q < G > d S d c < C ZI', 'boundary'],
    ['the end of the data may be sent ahead', '> Q S d c Q < G C ZI T C ZI', 'boundary'],
    ['the end of the data may be sent ahead in a series', '> P B E d c S P B E S < 1 2 G C ZI 1 2 C ZI', 'boundary'],
    ['two COPYs of one Query end one by one', '> Q d c < G C > d < G > S c < C ZI', 'boundary'],
    ['a series whose only Sync was eaten has not ended', '> P B E S d c d c < 1 2 G', 'busy'],
    ['a COPY that fails before it begins eats nothing', '> P B E S S < 1 2 E ZI ZI', 'boundary'],
    ['a failed COPY without an early Sync is clear', '> P B E < 1 2 G > d c S < E ZI', 'boundary'],
    ['the client may give its COPY up', '> Q < G > d f < E ZI', 'boundary'],
    ['stray ends of data mean nothing', '> c f d Q < C ZI', 'boundary'],
    ['stray ends of data in a series mean nothing', '> P c B E d S < 1 2 C ZI', 'boundary'],
    ['a FunctionCall is answered once', '> F < V ZI', 'boundary'],
    ['a Sync alone may fail', '> P B E S < 1 2 C E ZI', 'boundary'],
    ['notices and notifications answer nothing', '> Q < N A S C N ZI A', 'boundary'],
    ['COPY TO is one answer', '> Q < H d d c C ZI', 'boundary'],
    ['a series that is open when a failed COPY is cleared up owes its answers', '> Q < G > d S < E > P c < ZI ZI 1 > S < ZI', 'boundary'],
    ['and is not over without its Sync', '> Q < G > d S < E > P c < ZI ZI 1', 'unsure'],
    ['a farewell is no boundary', '< E', 'unsure'],
    ['a Terminate is no boundary', '> X', 'unsure'],
  ])('%s', (_claim, story, at) => {
    expect(play(story).at).toBe(at);
  });

  it('does not know which Syncs a failed COPY has eaten, until the next answer shows it', () => {
    const boundary = play('> P B E S < 1 2 G > d c S < E');
    expect(boundary.at).toBe('unsure');
    play('< ZI', boundary);
    expect(boundary.at).toBe('unsure');
    expect(boundary.mayForwardWhileParking(of('P'))).toBe(true);
    play('> P B E S', boundary);
    expect(boundary.mayForwardWhileParking(of('P'))).toBe(false);
    play('< 1', boundary);
    expect(boundary.at).toBe('busy');
    play('< 2 C ZI', boundary);
    expect(boundary.at).toBe('boundary');
  });

  it('knows again when all that could come has come', () => {
    expect(play('> P B E S < 1 2 G > d c S < E ZI ZI').at).toBe('boundary');
  });

  it('need not be told of any other message of the server', () => {
    for (const story of ['> Q', '> P B E', '> Q < G', '> P B E S < 1 2 G > c S < E', '']) {
      const boundary = play(`> H ${story}`.trim());
      const before = boundary.at;
      for (let type = 0; type < 256; type += 1) if (!COUNTED_ANSWERS.includes(type) && type !== of('Z')) boundary.server(type, 0);
      expect(boundary.at).toBe(before);
    }
  });

  it('never comes to a boundary once WAL is streamed', () => {
    const boundary = play('> Q < W d d ZI');
    expect(boundary.at).toBe('unsure');
    expect(boundary.isReplication).toBe(true);
  });

  it('lets through what a session needs to come to its boundary, and nothing else', () => {
    const may = (boundary: Boundary, types: string): string =>
      types
        .split('')
        .map((type) => (boundary.mayForwardWhileParking(of(type)) ? type : '-'))
        .join('');
    expect(may(play('> Q < C ZI'), 'QPS')).toBe('---');
    expect(may(play('> Q < C ZT'), 'QPS')).toBe('QPS');
    expect(may(play('> Q'), 'QPSd')).toBe('----');
    expect(may(play('> P B'), 'QES')).toBe('QES');
    expect(may(play('> P Q < E'), 'QES')).toBe('QES');
    expect(may(play('> P B E S'), 'PS')).toBe('--');
    expect(may(play('> Q < G'), 'dcfSHQ')).toBe('dcfSH-');
    expect(may(play('> Q < G > c'), 'dQ')).toBe('--');
    expect(may(play('> P B E < 1 2 G > c'), 'S')).toBe('S');
  });

  it('counts a pipeline of any depth, and is unsure of one that is deep and motley until all of it is answered', () => {
    const uniform = loggedIn();
    for (let turn = 0; turn < 20_000; turn += 1) play('> P B E S', uniform);
    for (let turn = 0; turn < 20_000; turn += 1) {
      expect(uniform.at).toBe('busy');
      play('< 1 2 C ZI', uniform);
    }
    expect(uniform.at).toBe('boundary');

    const motley = loggedIn();
    for (let turn = 0; turn < 1_000; turn += 1) play('> P B E S Q', motley);
    expect(motley.at).toBe('unsure');
    expect(motley.mayForwardWhileParking(of('Q'))).toBe(false);
    for (let turn = 0; turn < 1_000; turn += 1) {
      expect(motley.at).toBe('unsure');
      play('< 1 2 C ZI T C ZI', motley);
    }
    expect(motley.at).toBe('boundary');
  });

  it('never says boundary while the server has something to say or to read, and says it when there is nothing, however they are paced', () => {
    let boundaries = 0;
    fc.assert(
      fc.property(fc.array(pace, { maxLength: 40 }), (paces) => {
        const boundary = loggedIn();
        const model = new ModelServer();
        const unread: ClientMessage[] = [];
        let seen = 0;
        const check = (): void => {
          if (boundary.at !== 'boundary') return;
          boundaries += 1;
          expect({
            unread: unread.filter(({ type }) => !'Hdcf'.includes(type)),
            unseen: model.answers.slice(seen),
            idle: model.isIdle,
          }).toEqual({
            unread: [],
            unseen: [],
            idle: true,
          });
        };
        const see = (): void => {
          const answer = model.answers[seen];
          if (answer === undefined) return;
          seen += 1;
          boundary.server(of(answer.type), of(answer.status));
          check();
        };
        for (const { message, reads, sees } of paces) {
          unread.push(message);
          boundary.client(of(message.type));
          check();
          for (let turn = 0; turn < reads && unread.length > 0; turn += 1) model.read(unread.shift()!);
          for (let turn = 0; turn < sees; turn += 1) see();
        }
        for (const message of unread.splice(0)) model.read(message);
        while (seen < model.answers.length) see();
        // In silence it must come to know, unless it said that it does not.
        if (boundary.at !== 'unsure') expect(boundary.at === 'boundary').toBe(model.isIdle);
      }),
      { numRuns: 20_000 },
    );
    expect(boundaries).toBeGreaterThan(5_000);
  });

  it('is unsure in silence only when a COPY failed over Syncs, or the client broke the protocol', () => {
    fc.assert(
      fc.property(fc.array(pace, { maxLength: 30 }), (paces) => {
        const boundary = loggedIn();
        const model = new ModelServer();
        let seen = 0;
        for (const { message } of paces) {
          // Stop and wait, without Syncs into a COPY: what drivers do.
          if (message.type === 'S' && model.answers.findLast(({ type }) => 'GCEZ'.includes(type))?.type === 'G') continue;
          boundary.client(of(message.type));
          model.read(message);
          for (; seen < model.answers.length; seen += 1) boundary.server(of(model.answers[seen]!.type), of(model.answers[seen]!.status));
          if (model.broken) return;
          expect(boundary.at).not.toBe('unsure');
          expect(boundary.at === 'boundary').toBe(model.isIdle);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
