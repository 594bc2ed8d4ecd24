/** What a test of this folder begins with if it tells the fake libraries what goes wrong. */
import { afterEach } from 'vitest';
import { type FakeVerbs, useFakeVerbs } from '../fixtures/fake-verbs.js';

/** Options of a provider that serves all of 127.0.0.0/8, and for which a path is dead within milliseconds. */
export const FAKE_OPTIONS = {
  listen: 'all',
  addresses: ['127.0.0.0/8'],
  ackTimeout: 8,
  retryCount: 1,
  connectTimeoutMs: 3_000,
};

/** The fake libraries of this test file, at its top; after each test they forget what they were told. */
export async function fakeLibraries(): Promise<FakeVerbs> {
  const verbs = await useFakeVerbs();
  afterEach(() => {
    verbs.control('reset');
  });
  return verbs;
}
