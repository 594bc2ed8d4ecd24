import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Budget } from '#src/reactor/budget.js';

const TERMS = { capacity: 100, perPeriod: 10, periodMs: 5 };

it('a budget is spent at once, comes back with time, and never is more than full', async () => {
  const budget = new Budget(TERMS);
  expect(budget.isFull).toBe(true);
  for (let i = 0; i < 99; i++) expect(budget.spend(1)).toBe(false);
  expect(budget.isFull).toBe(false);
  expect(budget.spend(50)).toBe(true);
  await delay(200);
  expect(budget.isFull).toBe(true);
  expect(budget.spend(99)).toBe(false);
  expect(budget.spend(99)).toBe(true);
});

it('what is refunded can be spent again', () => {
  const budget = new Budget({ ...TERMS, perPeriod: 0 });
  expect(budget.spend(99)).toBe(false);
  budget.refund(99);
  expect(budget.spend(99)).toBe(false);
  budget.refund(1_000);
  expect(budget.spend(100)).toBe(true);
});
