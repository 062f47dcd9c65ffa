import assert from "node:assert/strict";
import { test } from "node:test";
import { slug } from "./slug.js";

for (const [text, wanted] of [["Crème brûlée", "creme-brulee"], ["Straße", "strasse"], ["Øystein Łukasz", "oystein-lukasz"], ["Ærø", "aero"], ["Đorđe", "dorde"], ["a — b", "a-b"], ["日本", ""]])
  test(text, () => assert.equal(slug(text), wanted));
