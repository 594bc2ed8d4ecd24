/** The file format of speedscope, a viewer of profiles: one of its profiles for each thread. */
import { type Profile, timeOf } from './stacks.js';

/** The JSON. @param name what the viewer shows as the title */
export function speedscopeJson(name: string, { threads }: Profile): string {
  const frames: { name: string }[] = [];
  const indices = new Map<string, number>();
  const indexOf = (frame: string): number => {
    const known = indices.get(frame);
    if (known !== undefined) return known;
    indices.set(frame, frames.length);
    return frames.push({ name: frame }) - 1;
  };
  const profiles = threads.map((thread) => ({
    type: 'sampled',
    name: thread.name,
    unit: 'microseconds',
    startValue: 0,
    endValue: timeOf(thread.stacks),
    samples: [...thread.stacks.keys()].map((stack) => stack.split(';').map(indexOf)),
    weights: [...thread.stacks.values()],
  }));
  return JSON.stringify({
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    exporter: 'sanswitch flame',
    name,
    activeProfileIndex: 0,
    shared: { frames },
    profiles,
  });
}
