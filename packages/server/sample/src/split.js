import { toAmount, toCents } from "./money.js";

/** What each of so many people pays of an amount such as "10.00". The parts add up to the whole. */
export function split(amount, people) {
  if (!Number.isInteger(people) || people < 1) throw new RangeError("a bill is split among at least one person");
  const cents = toCents(amount);
  const part = Math.floor(cents / people);
  return Array.from({ length: people }, () => toAmount(part));
}
