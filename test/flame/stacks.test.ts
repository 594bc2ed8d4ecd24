/** Stacks, from V8's profiles and perf's text to files. */
import { describe, expect, it } from 'vitest';
import { stacksOfProfile } from '#src/flame/cpu-profile.js';
import { changesOf, diffTree } from '#src/flame/diff.js';
import { diffPage } from '#src/flame/diff-page.js';
import { nameThreads } from '#src/flame/names.js';
import { flamePage } from '#src/flame/page.js';
import { PerfMap, scriptName } from '#src/flame/perf-map.js';
import { ScriptReader } from '#src/flame/perf-script.js';
import type { Recorded } from '#src/flame/recorded.js';
import { speedscopeJson } from '#src/flame/speedscope.js';
import { foldedText, frameName, type Profile, parseFolded } from '#src/flame/stacks.js';

const stacks = (entries: Record<string, number>): Map<string, number> => new Map(Object.entries(entries));

describe('profiles of V8', () => {
  const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 6 });
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('(root)'), children: [2, 3] },
      { id: 2, callFrame: frame('send', 'file:///x/a%20b.js'), children: [4, 5] },
      { id: 3, callFrame: frame('(idle)') },
      { id: 4, callFrame: frame('copy') },
      { id: 5, callFrame: frame('(garbage collector)') },
    ],
    samples: [4, 2, 4, 5, 3, 2],
    timeDeltas: [500, 10, 20, 5, 100, 900],
    startTime: 1_000,
  };

  it('become stacks, without the time that a thread waits', () => {
    expect(stacksOfProfile(profile)).toEqual(
      stacks({ 'send /x/a b.js:7;copy': 520, 'send /x/a b.js:7': 910, 'send /x/a b.js:7;garbage collector': 5 }),
    );
  });

  it('count only the stretches that are asked for', () => {
    expect(stacksOfProfile(profile, [{ start_us: 1_505, end_us: 1_700 }])).toEqual(
      stacks({ 'send /x/a b.js:7': 10, 'send /x/a b.js:7;copy': 20, 'send /x/a b.js:7;garbage collector': 5 }),
    );
    expect(stacksOfProfile(profile, []).size).toBe(0);
  });
});

describe('folded stacks', () => {
  it('come back as they were written', () => {
    const threads = [
      { name: 'main', stacks: stacks({ 'a b.js:1;c_[k]': 30, 'operator new(unsigned long)': 5 }) },
      { name: 'app.js: worker 2', stacks: stacks({ x: 1 }) },
    ];
    expect(parseFolded(foldedText(threads))).toEqual(threads);
  });

  it('name the line that is none', () => {
    expect(() => parseFolded('main;a 5\n\nmain;a five\n')).toThrow("line 3 is no stack: 'main;a five'");
  });

  it('have names without what divides them', () => {
    expect(frameName('a;b\n c')).toBe('a,b c');
    expect(frameName('')).toBe('(anonymous)');
    expect(frameName('x'.repeat(1_000))).toHaveLength(200);
  });
});

describe('what perf says', () => {
  const map = new PerfMap(
    [
      '1000 100 JS:~old file:///x/old.js:1:1',
      '1080 40 JS:*hot file:///x/hot.mjs:12:5',
      'nonsense',
      '5ff0 20 Builtin:Across',
      '6000 0 nothing',
    ].join('\n'),
  );

  it('is looked up where the latest code stands', () => {
    expect([map.at(0x1000), map.at(0x1080), map.at(0x10bf), map.at(0x10c0)]).toEqual([
      'old /x/old.js:1',
      'hot /x/hot.mjs:12',
      'hot /x/hot.mjs:12',
      'old /x/old.js:1',
    ]);
    expect([map.at(0x1100), map.at(0x600f), map.at(0x6010)]).toEqual([null, 'Builtin:Across', null]);
  });

  it('has names of V8 in it', () => {
    expect(scriptName('JS:^Server.listen node:net:1900:5')).toBe('Server.listen node:net:1900');
    expect(scriptName('JS:~ file:///x/a.js:1:1')).toBe('(anonymous) /x/a.js:1');
    expect(scriptName('Builtin:Call')).toBe('Builtin:Call');
  });

  it('becomes stacks of threads', () => {
    const reader = new ScriptReader(() => map);
    for (const line of `node 7/7  20.5:    2000000 cpu-clock: 
\t    1085 JS:~wrong file:///x ([JIT] tid 7)
\t    89 node::Start (/usr/bin/node)

a name 7/9  20.5:    1000000 cpu-clock:u: 
\tffffffff82 sys_read ([kernel.kallsyms])
\t    12 std::map<int, long (*)(int)>::find (/x/y.node)
\t    13 [unknown] (/x/y.node)
\t    14 [unknown] ([unknown])
\t    15 [unknown] ([unknown])

poller 7/9  20.6:    1000000 cpu-clock:u: 

`.split('\n'))
      reader.line(line);
    reader.end();
    expect([...reader.threads.values()]).toEqual([
      { pid: 7, tid: 7, comm: 'node', isScript: true, stacks: stacks({ 'node::Start;hot /x/hot.mjs:12': 2_000 }) },
      {
        pid: 7,
        tid: 9,
        comm: 'poller',
        isScript: false,
        stacks: stacks({
          '[unknown];[y.node];std::map<int, long (*)(int)>::find;sys_read_[k]': 1_000,
          '[unknown]': 1_000,
        }),
      },
    ]);
  });
});

describe('names of threads', () => {
  const thread = (pid: number, tid: number, comm: string, isScript = false) => ({ pid, tid, comm, isScript });

  it('are those that sanswitch gave, or say what a thread does', () => {
    const threads = [
      thread(5, 5, 'node'),
      thread(5, 9, 'main', true),
      thread(5, 7, 'node', true),
      thread(5, 8, 'poller'),
      thread(5, 6, 'node'),
    ];
    expect(Object.fromEntries(nameThreads(threads, () => 'x'))).toEqual({
      5: 'main',
      6: 'native',
      7: 'worker',
      8: 'poller',
      9: 'worker 2',
    });
  });

  it('have the process before them where there are several', () => {
    const threads = [thread(5, 5, 'main'), thread(8, 8, 'node'), thread(9, 9, 'node')];
    expect([...nameThreads(threads, (pid) => (pid === 5 ? 'a.js' : 'b.js')).values()]).toEqual([
      'a.js: main',
      'b.js: main',
      'b.js 2: main',
    ]);
  });
});

const PROFILE: Profile = {
  means: 'perf',
  interval_us: 10,
  missing: [{ what: '<b>', remedy: '<i>"' }],
  threads: [{ name: 'main', stacks: stacks({ a: 1, 'a;b': 2 }) }],
};

describe('files', () => {
  it('has a speedscope profile for each thread', () => {
    const { shared, profiles } = JSON.parse(speedscopeJson('t', PROFILE));
    expect(shared.frames).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(profiles).toEqual([
      {
        type: 'sampled',
        name: 'main',
        unit: 'microseconds',
        startValue: 0,
        endValue: 3,
        samples: [[0], [0, 1]],
        weights: [1, 2],
      },
    ]);
  });

  it('escapes everything in the page', () => {
    const times = { pid: 1, tid: 1, cpu_us: 1, queued_us: 1, asleep_us: 1, sleeps: 1, reactor: null };
    const recorded: Recorded = { profile: PROFILE, rows: [{ ...times, name: '<script>' }] };
    const page = flamePage('<html>\n <head>\n</head><body class="x"></body></html>', "</title>$&$'", recorded);
    expect(page).not.toMatch(/<b>|<i>|<\/title>\$|<td><script>/);
    expect(page).toContain('&#60;/title&#62;$&#38;$');
    expect(() => flamePage('something else', 't', recorded)).toThrow('not known here');
  });
});

describe('a difference', () => {
  const before = [{ name: 'main', stacks: stacks({ 'a;b': 40, c: 60 }) }];
  const after = [{ name: 'main', stacks: stacks({ 'a;b': 200, 'a;</script>': 100, c: 100 }) }];

  it('is one of shares, the largest first', () => {
    expect(changesOf(diffTree(before, after))).toEqual([
      { thread: 'main', name: 'c', before: 0.6, after: 0.25 },
      { thread: 'main', name: '</script>', before: 0, after: 0.25 },
      { thread: 'main', name: 'b', before: 0.4, after: 0.5 },
    ]);
  });

  it('has both in one tree, and a page that is safe', () => {
    const tree = diffTree(before, after);
    expect(tree).toMatchObject({ name: 'all threads', before: 1, after: 1 });
    expect(tree.children[0]?.children[0]).toMatchObject({ name: 'a', before: 0.4, after: 0.75 });
    const page = diffPage('</title>', tree);
    expect(page.match(/<\/script>/g)).toHaveLength(2);
    expect(page).not.toContain('</title></title>');
  });
});
