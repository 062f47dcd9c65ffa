import assert from "node:assert/strict";
import { test } from "node:test";
import type { Exit } from "@farhand/protocol";
import { isModelName } from "../../domain/models.ts";
import type { Message } from "./model.ts";
import { findScript, nextMove } from "./script.ts";

const PROMPT = "First\n```sh\necho 1\n```\nthen\n```bash\necho 2\n```\nnot\n```js\nx\n```\n```shell\necho 3\n```\n```sh\n\n```";
const asked = (text: string): Message => ({ role: "user", text });
const ended = (exit: Exit | null, text = ""): Message => ({ role: "tool", call: "c", tool: "shell", text, isError: exit === null, exit });
const ok = ended({ kind: "exited", code: 0 });
const said: Message = { role: "assistant", text: "", calls: [] };

test("each block with commands is one call, in order, then the report", () => {
  const calls = [0, 1, 2].map((done) => nextMove([asked(PROMPT), ...Array.from({ length: done }, () => [said, ok]).flat()]));
  assert.deepEqual(
    calls.map((move) => move.kind === "call" && [move.call.id, move.call.name, (move.call.input as { command: string }).command]),
    [
      ["block-1", "shell", "echo 1"],
      ["block-2", "shell", "echo 2"],
      ["block-3", "shell", "echo 3"],
    ],
  );
  assert.deepEqual(nextMove([asked(PROMPT), ok, ok, ok]), { kind: "report", text: "Ran 3 blocks; all passed.", gaveUp: null });
  assert.deepEqual(nextMove([asked("```sh\nls\n```"), ok]), { kind: "report", text: "Ran 1 block; it passed.", gaveUp: null });
});

test("the first block that fails is the last, and the report says which, how, and what was not run", () => {
  const after = (...results: Message[]) => nextMove([asked(PROMPT), ...results]);
  assert.deepEqual(after(ok, ended({ kind: "exited", code: 3 })), {
    kind: "report",
    text: "Stopped: block 2 of 3 failed: exit 3. 1 block before it passed; 1 block after it was not run.",
    gaveUp: "block 2 of 3 failed: exit 3",
  });
  const detail = (message: Message) => {
    const move = after(message);
    return move.kind === "report" && move.gaveUp;
  };
  assert.equal(detail(ended({ kind: "signalled", signal: "SIGKILL" })), "block 1 of 3 failed: ended by SIGKILL");
  assert.equal(detail(ended({ kind: "timed-out" })), "block 1 of 3 failed: timed out");
  assert.equal(detail(ended(null, "no shell")), "block 1 of 3 failed: no shell");
});

test("a prompt without a block is told how to write one, and a block without its end runs nothing", () => {
  const none = nextMove([asked("Please add a footer")]);
  assert.ok(none.kind === "report" && none.text.includes("```sh\n") && none.gaveUp !== null);
  const open = nextMove([asked("```sh\necho 1\n```\n```sh\nrm -r build")]);
  assert.ok(open.kind === "report" && open.text.startsWith("Nothing was run: the block that begins in line 4"));
});

test("a follow-up runs its own blocks only", () => {
  const move = nextMove([asked(PROMPT), ok, ok, ok, said, asked("```sh\necho again\n```")]);
  assert.ok(move.kind === "call" && (move.call.input as { command: string }).command === "echo again");
});

test("what is said in the middle of the work comes after the blocks of the prompt, also when the report was given", () => {
  const more: Message = { ...asked("And\n```sh\necho more\n```"), reply: "rep_1" } as Message;
  const early = nextMove([asked(PROMPT), ok, more, ok]);
  assert.ok(early.kind === "call" && (early.call.input as { command: string }).command === "echo 3");
  const last = nextMove([asked(PROMPT), ok, more, ok, ok, said]);
  assert.ok(last.kind === "call" && (last.call.input as { command: string }).command === "echo more");
});

test("where it is the only model, who asks for another is told so", () => {
  assert.deepEqual(findScript("gpt-9"), { unknown: 'There is no model "gpt-9". The only model here: script.' });
});

test("what cannot be the name of a model is told from what may be one", () => {
  for (const name of ["script", "openai/gpt-5.5", "compatible/meta-llama/llama-4:free"]) assert.ok(isModelName(name), name);
  for (const name of ["constructor", "gpt-5.5", "openai/", "openai/gpt 5", "google/gemini"]) assert.ok(!isModelName(name), name);
});
