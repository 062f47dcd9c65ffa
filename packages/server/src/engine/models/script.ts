import { type Exit, exitInWords } from "@farhand/protocol";
import { unknownModel } from "../../domain/models.ts";
import { fencedBlocks } from "./fences.ts";
import { type FindModel, isPrompt, type Message, type Model, type ModelPart, type ToolCall } from "./model.ts";

const LANGUAGES = new Set(["sh", "bash", "shell"]);
/** A day: nobody is there to choose a limit for each block, so that of the turn is the one that counts. */
const TIMEOUT_SECONDS = 86_400;
const NO_TOKENS = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0, costUsd: 0 };

const FREE = { input: 0, cachedInput: 0, cacheWrite: 0, output: 0 };

const HOW_TO = [
  "The model `script` runs the shell commands that the prompt holds in fenced blocks, and this prompt has none. Write them so:",
  "",
  "```sh",
  "sed -i 's/colour/color/g' README.md",
  "```",
].join("\n");

/** No AI: runs the `sh` blocks of the last prompt, and of what was said after it, one after another by the tool `shell`, stops at the first that fails, and reports. */
export const scriptModel: Model = {
  facts: { name: "script", provider: "script", contextTokens: Number.MAX_SAFE_INTEGER, maxOutputTokens: null, prices: FREE, efforts: [] },
  async *respond(request): AsyncGenerator<ModelPart> {
    const next = nextMove(request.messages);
    if (next.kind === "call") {
      yield { type: "call", call: next.call };
      yield { type: "finish", usage: NO_TOKENS, ending: { kind: "complete" } };
      return;
    }
    yield { type: "text", delta: next.text };
    yield {
      type: "finish",
      usage: NO_TOKENS,
      ending: next.gaveUp === null ? { kind: "complete" } : { kind: "gave-up", detail: next.gaveUp },
    };
  },
};

/** Where there is no other model. */
export const findScript: FindModel = (name) => (name === "script" ? scriptModel : { unknown: unknownModel(name, ["script"]) });

export type Move = { kind: "call"; call: ToolCall } | { kind: "report"; text: string; gaveUp: string | null };

/** What comes next, decided from the conversation alone, so that a resumed one goes on where it was cut off. */
export function nextMove(messages: readonly Message[]): Move {
  const asked = messages.findLastIndex(isPrompt);
  const since = messages.slice(Math.max(0, asked));
  const fences = since
    .flatMap((message) => (message.role === "user" && !message.note ? fencedBlocks(message.text) : []))
    .filter((fence) => LANGUAGES.has(fence.language));
  const open = fences.find((fence) => !fence.closed);
  if (open) {
    const gaveUp = `the block that begins in line ${open.line} of the prompt has no closing fence`;
    return { kind: "report", text: `Nothing was run: ${gaveUp}.`, gaveUp };
  }
  const blocks = fences.filter((fence) => fence.text.trim() !== "");
  if (blocks.length === 0) return { kind: "report", text: HOW_TO, gaveUp: "the prompt has no fenced block of shell commands" };

  const results = since.filter((message) => message.role === "tool").filter((result) => !result.isCutOff);
  const failed = results.findIndex((result) => result.isError || !passed(result.exit));
  const failure = results[failed];
  if (failure) {
    const gaveUp = `block ${failed + 1} of ${blocks.length} failed: ${failure.exit ? exitInWords(failure.exit) : failure.text}`;
    const before = failed === 0 ? "No block ran before it" : `${count(failed)} before it passed`;
    const left = blocks.length - failed - 1;
    const after = left === 0 ? "it was the last" : `${count(left)} after it ${left === 1 ? "was" : "were"} not run`;
    return { kind: "report", text: `Stopped: ${gaveUp}. ${before}; ${after}.`, gaveUp };
  }
  const block = blocks[results.length];
  if (!block) return { kind: "report", text: `Ran ${count(blocks.length)}; ${blocks.length === 1 ? "it" : "all"} passed.`, gaveUp: null };
  const id = `block-${results.length + 1}`;
  return { kind: "call", call: { id, name: "shell", input: { command: block.text, timeout_seconds: TIMEOUT_SECONDS } } };
}

function passed(exit: Exit | null): boolean {
  return exit?.kind === "exited" && exit.code === 0;
}

function count(blocks: number): string {
  return blocks === 1 ? "1 block" : `${blocks} blocks`;
}
