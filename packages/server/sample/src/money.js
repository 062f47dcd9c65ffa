/** "12.5" as 1250: amounts are counted in cents, since fractions of 10 cannot be held exactly in binary. */
export function toCents(amount) {
  const match = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(amount);
  if (!match) throw new RangeError(`${amount} is no amount of money: write it as 12.50`);
  return Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
}

/** 1250 as "12.50". */
export function toAmount(cents) {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;
}
