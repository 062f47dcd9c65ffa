import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineInput, Progress } from "../engine.ts";
import { loopEngine } from "../loop.ts";
import type { Message } from "../models/model.ts";
import { memoryOutput, NO_SANDBOX, room, type ScriptedPart, scripted } from "../testing.ts";
import { askUserTool } from "./ask-user.ts";
import { updatePlanTool } from "./update-plan.ts";

const ASK: ScriptedPart = { tool: "ask_user", input: { question: "Keep cookies?", options: ["yes", "no"] } };
const PLAN: ScriptedPart = { tool: "update_plan", input: { steps: [{ step: "Look", status: "pending" }] } };

async function run(conversation: EngineInput["conversation"], ...replies: ScriptedPart[][]) {
  const model = scripted(...replies);
  const input = { conversation, stepsBefore: 0, model: "test", workspace: "/workspace/shop", ...room(10) };
  const engine = loopEngine(() => model, [updatePlanTool, askUserTool]);
  const reports: Progress[] = [];
  for await (const report of engine.run(input, NO_SANDBOX, memoryOutput(), new AbortController().signal)) reports.push(report);
  return { model, reports, events: reports.flatMap(({ events }) => events), said: reports.flatMap(({ said = [] }) => said) };
}

test("a question ends the run together with the words that ask it, and its answer is the call's result", async () => {
  const prompt: Message = { role: "user", text: "Do it." };
  const { reports, said } = await run([prompt], ["Hm.", ASK]);
  const end = reports.at(-1);
  const question = { call: "1.1", id: "same", text: "Keep cookies?", options: ["yes", "no"] };
  assert.deepEqual(
    end?.events.map(({ type }) => type),
    ["message", "step.answered", "tool.started", "engine.stopped"],
  );
  assert.deepEqual(end?.events.at(-1), { type: "engine.stopped", reason: "asks", detail: "Keep cookies?", steps: 1, question });
  assert.equal(said.length, 1);

  const answer: Message = { role: "tool", call: "same", tool: "ask_user", text: "no", isError: false, exit: null };
  const { model } = await run([prompt, ...said, answer], ["Done."]);
  assert.deepEqual(
    model.requests[0]?.messages.map((message) => [message.role, message.text]),
    [
      ["user", "Do it."],
      ["assistant", "Hm."],
      ["tool", "no"],
    ],
  );
});

test("what was called before the question is carried out first; a question that is not the last call is not asked", async () => {
  const first = await run([{ role: "user", text: "Do it." }], [PLAN, ASK]);
  assert.deepEqual(
    first.events.slice(-4).map(({ type }) => type),
    ["tool.started", "tool.finished", "tool.started", "engine.stopped"],
  );
  const wrong = await run([{ role: "user", text: "Do it." }], [ASK, PLAN], ["Well."]);
  const answers = wrong.events.filter((event) => event.type === "tool.finished").map(({ isError, result }) => [isError, result]);
  assert.match(String(answers[0]), /^true,Not asked: it must be the last call/);
  assert.equal(wrong.events.at(-1)?.type, "engine.stopped");
});
