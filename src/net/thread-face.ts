/** The switch behind the sockets and servers of one thread. */

import { createSwitch, type Switch } from '../switch/switch.js';

let starting: Promise<Switch> | null = null;
let started: Switch | null = null;

/** Starts it, once. */
export function start(): Promise<Switch> {
  starting ??= createSwitch().then((made) => {
    started = made;
    return made;
  });
  return starting;
}

/** It, if it has started. */
export function current(): Switch | null {
  return started;
}
