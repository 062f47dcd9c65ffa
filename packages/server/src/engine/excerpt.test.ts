import assert from "node:assert/strict";
import { test } from "node:test";
import { Excerpt } from "./excerpt.ts";

test("an excerpt of any text has its ends and says what is between", () => {
  const excerpt = new Excerpt(10);
  for (const text of ["abc", "defg", "h".repeat(50), "😀é", "xyz"]) excerpt.append(text);
  assert.equal(String(excerpt), "abcde\n[... 52 bytes of output are left out here ...]\n😀éxyz");
  const whole = new Excerpt(10);
  whole.append("0123456789");
  assert.equal(String(whole), "0123456789");
});
