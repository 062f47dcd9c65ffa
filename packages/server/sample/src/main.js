#!/usr/bin/env node
import { split } from "./split.js";

const [amount, people] = process.argv.slice(2);
try {
  if (amount === undefined) throw new RangeError("usage: tally AMOUNT PEOPLE");
  for (const part of split(amount, Number(people))) console.log(part);
} catch (error) {
  console.error(`tally: ${error.message}`);
  process.exitCode = 1;
}
