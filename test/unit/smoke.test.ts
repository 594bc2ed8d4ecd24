import { expect, it } from 'vitest';

it('imports the package by its own name', async () => {
  await expect(import('sanswitch')).resolves.toBeDefined();
});
