import { type EngineEvent, type LimitReached, limitInWords, type Question } from "@farhand/protocol";
import { limitReached, remainingMs, type Used, withRequest } from "../domain/budget.ts";
import { type Calling, carryOut, interrupted, type Surroundings } from "./calls.ts";
import { runChecks } from "./checks.ts";
import { asMessages, estimateTokens, isFull, type Spoken, summaryOf, summaryRequest } from "./compaction.ts";
import { instructionsGiven, touched } from "./context/instructions.ts";
import { MACHINE_STANDS, machineIsNew, systemPrompt } from "./context/system-prompt.ts";
import { describe } from "./describe.ts";
import type { Engine, EngineInput, Progress } from "./engine.ts";
import {
  type AssistantMessage,
  type Ending,
  type FindModel,
  isPrompt,
  type Message,
  type Model,
  type ModelRequest,
  NO_USAGE,
  type ToolCall,
} from "./models/model.ts";
import { ask, type Reply } from "./models/reply.ts";
import { findScript } from "./models/script.ts";
import { stuckWatch, type Verdict } from "./stuck.ts";
import { TOOLS } from "./tools/all.ts";
import { questionIn } from "./tools/ask-user.ts";
import { Processes } from "./tools/processes.ts";
import { schemaOf, type Tool } from "./tools/tool.ts";

const CUT_OFF = "Not run: your reply was cut off at its output limit, so these arguments may be incomplete. Make it shorter.";
/** The model may mend what its change broke so often, less one; then the last result of the checks stands. */
const MOST_CHECK_ROUNDS = 3;
/** How many characters of each message a request for a summary has, tried in this order; null = all. */
const SUMMARY_TRIES: readonly (number | null)[] = [null, 2000, 300];

/** The built-in engine: asks the model, runs the tools it calls, tells it the results, until it calls none and the checks have been run. */
export function loopEngine(find: FindModel = findScript, tools: readonly Tool[] = TOOLS): Engine {
  return {
    async *run(input, sandbox, parts, signal) {
      const model = await find(input.model);
      if ("unknown" in model) yield { events: [{ type: "engine.stopped", reason: "model-failed", detail: model.unknown, steps: 0 }] };
      else {
        await using processes = new Processes(sandbox); // what they still change is not to be missed by who looks at the tree next
        yield* loop(model, tools, input, { ...parts, sandbox, workspace: input.workspace, processes }, signal);
      }
    },
    async describe(name, work, signal) {
      const model = await find(name);
      return "unknown" in model ? null : describe(model, work, signal);
    },
  };
}

/** An answered request; `answered` is its last event, not told yet. `halted`: the time was up before it came. */
type Answer = { reply: Reply | { kind: "halted" }; answered: EngineEvent };

async function* loop(
  model: Model,
  tools: readonly Tool[],
  input: EngineInput,
  around: Surroundings,
  signal: AbortSignal,
): AsyncGenerator<Progress> {
  const startedAt = performance.now();
  const system = systemPrompt(input);
  const described = tools.map(({ name, description, input }) => ({ name, description, parameters: schemaOf(input) }));
  const said = withEveryResult(input.conversation);
  const stuck = stuckWatch();
  let step = input.stepsBefore;
  let used: Used = { ...input.usedBefore, steps: input.stepsBefore };
  /** What the provider counted for the first so many messages; the others are estimated. */
  let counted: { tokens: number; messages: number } | null = null;
  let unchecked = changesSincePrompt(said).length > 0;
  let checkRounds = 0;
  let justShortened = false;
  /** When the time is up the work ends, and is kept. */
  const timeUp = AbortSignal.timeout(Math.max(0, remainingMs(input.budget, used)));
  const work = AbortSignal.any([signal, timeUp]);

  const last = said.at(-1);
  /** What is told with the next request: not in the system text, so that all before it stays as the provider has cached it. */
  const machine = input.machineIsNew ? machineIsNew(input.mode ?? "code") : input.machineStands ? MACHINE_STANDS : null;
  const news: Message[] = machine === null ? [] : [{ role: "user", text: machine, note: true }];
  if (last?.role === "assistant" && (yield* finish({ kind: "complete" }, null))) return; // a run was cut off right after the last word
  for (;;) {
    signal.throwIfAborted();
    const limit = reached();
    if (limit) return yield stopped("budget-reached", `The ${limitInWords(limit)} is reached.`, limit);
    yield* takeReplies();
    said.push(...news);
    if (isFull(size(), model.facts.contextTokens) && said.slice(said.findLastIndex(isSummary) + 1).length > 1) {
      if (yield* shorten(SUMMARY_TRIES)) return;
      continue;
    }
    const { reply, answered } = yield* request(asMessages(said));
    if (reply.kind === "halted") yield { events: [answered] };
    else if (reply.kind === "context-full" && !justShortened) {
      yield { events: [answered] };
      if (yield* shorten(SUMMARY_TRIES.slice(1))) return; // the whole does not fit
      justShortened = true;
    } else if (reply.kind !== "reply") {
      return yield { events: [answered, ...stopped("model-failed", reply.detail).events] };
    } else {
      justShortened = false;
      const { message, ending } = reply;
      const question = ending.kind === "cut-off" ? null : questionIn(message.calls, step, tools);
      if (question) return yield* askUser(question, message, answered);
      if (message.calls.length > 0) {
        yield hear(message, answered);
        if (yield* act(message.calls, ending)) return;
      } else if (message.text.trim() === "" && ending.kind === "complete") {
        yield { events: [answered] };
        if (yield* heed(stuck.afterEmpty())) return;
      } else if (yield* finish(ending, hear(message, answered))) return;
    }
  }

  /** One request, from `step.started` on. */
  async function* request(messages: readonly Message[], purpose?: "summary"): AsyncGenerator<Progress, Answer> {
    step += 1;
    const startedAt = performance.now();
    const told = news.splice(0);
    const started: EngineEvent = { type: "step.started", step, model: input.model, ...(purpose ? { purpose } : {}) };
    yield { events: [started], ...(told.length > 0 && { said: told }) };
    const reply = yield* asked({ system, messages, tools: described, ...(input.effort && { effort: input.effort }) });
    const usage = reply.kind === "reply" ? reply.usage : NO_USAGE;
    used = withRequest(used, usage);
    if (usage.inputTokens !== null && purpose === undefined)
      counted = { tokens: usage.inputTokens + (usage.outputTokens ?? 0), messages: messages.length + 1 };
    return { reply, answered: { type: "step.answered", step, usage, durationMs: Math.round(performance.now() - startedAt) } };
  }

  /** The whole reply, or "halted". Each time that the request is sent again is told: waiting is visible. */
  async function* asked(request: ModelRequest): AsyncGenerator<Progress, Answer["reply"]> {
    try {
      const asking = ask(model, request, work);
      let next = await asking.next();
      for (; !next.done; next = await asking.next())
        yield { events: [{ type: "model.retried", step, detail: next.value.detail, waitMs: next.value.waitMs }] };
      return next.value;
    } catch (error) {
      signal.throwIfAborted();
      if (!timeUp.aborted) throw error;
      return { kind: "halted" };
    }
  }

  /** Takes the model's words in. They are stored together with what the request used. */
  function hear(message: AssistantMessage, answered: EngineEvent): Progress {
    const isEmpty = message.text === "" && message.calls.length === 0;
    if (!isEmpty) said.push(message);
    const words: EngineEvent[] = message.text === "" ? [] : [{ type: "message", step, text: message.text }];
    return { events: [...words, answered], said: isEmpty ? [] : [message] };
  }

  /** Carries out the calls of a reply. true = the work has ended with it. */
  async function* act(calls: readonly ToolCall[], ending: Ending): AsyncGenerator<Progress, boolean> {
    const results = yield* carryOut(calls, { ...calling(), tools, refusal: ending.kind === "cut-off" ? CUT_OFF : null });
    said.push(...results);
    unchecked ||= results.some(changes);
    const given = new Set(
      asMessages(said).flatMap((message) => (message.role === "user" && message.instructions ? [message.instructions] : [])),
    );
    for (const one of touched(input.repository?.instructions ?? [], calls, given))
      yield tell("instructions", instructionsGiven(one), one.path);
    return yield* heed(
      stuck.afterCalls(
        calls.flatMap((call, index) => results.slice(index, index + 1).map((result) => ({ call, result, changes: changes(result) }))),
      ),
    );
  }

  /** Carries out what the model called before its question, and ends with the question: its call has no result until somebody answers. */
  async function* askUser(question: Question, message: AssistantMessage, answered: EngineEvent): AsyncGenerator<Progress> {
    const before = message.calls.slice(0, -1);
    const asked: EngineEvent[] = [
      { type: "tool.started", step, call: question.call, tool: "ask_user", input: message.calls.at(-1)?.input ?? null },
      { type: "engine.stopped", reason: "asks", detail: question.text, steps: step, question },
    ];
    const word = hear(message, answered);
    if (before.length === 0) return yield { ...word, events: [...word.events, ...asked] }; // stored at once, so that no run begins in between
    yield word;
    yield* carryOut(before, { ...calling(), tools, refusal: null });
    yield { events: asked };
  }

  /** The model calls nothing more: the checks have the last word, unless nothing has changed since they were run. true = the work has ended with it. */
  async function* finish(ending: Ending, word: Progress | null): AsyncGenerator<Progress, boolean> {
    const isDue = ending.kind === "complete" && unchecked && checkRounds < MOST_CHECK_ROUNDS && !(await around.isUnchanged?.());
    const checks = isDue ? (input.checks ?? []) : [];
    if (checks.length > 0) {
      if (word) yield word;
      const failures = yield* runChecks(checks, calling());
      unchecked = false;
      checkRounds += 1;
      if (failures !== null && checkRounds < MOST_CHECK_ROUNDS) {
        yield tell("checks", failures);
        return false;
      }
    }
    if (((await around.replies?.()) ?? []).length > 0) {
      if (checks.length === 0 && word) yield word;
      return false; // somebody said something meanwhile
    }
    const end = ending.kind === "gave-up" ? stopped("gave-up", ending.detail) : stopped("done", "");
    yield checks.length > 0 || !word ? end : { ...word, events: [...word.events, ...end.events] }; // stored at once, so that no run begins in between
    return true;
  }

  /** What people said meanwhile. */
  async function* takeReplies(): AsyncGenerator<Progress> {
    const replies = ((await around.replies?.()) ?? []).map(({ id, text }) => ({ role: "user", text, reply: id }) as const);
    if (replies.length === 0) return;
    said.push(...replies);
    yield { events: replies.map(({ reply }) => ({ type: "reply.given", reply })), said: replies };
  }

  async function* heed(verdict: Verdict): AsyncGenerator<Progress, boolean> {
    if (verdict.kind === "nudge") yield tell("stuck", verdict.tell);
    if (verdict.kind !== "stop") return false;
    yield stopped("stuck", verdict.detail);
    return true;
  }

  /** Puts a summary in the place of the conversation. true = the work has ended with it. */
  async function* shorten(tries: readonly (number | null)[]): AsyncGenerator<Progress, boolean> {
    const tokensBefore = size();
    for (const mostChars of tries) {
      if (reached()) return false;
      const { reply, answered } = yield* request(summaryRequest(asMessages(said), mostChars), "summary");
      if (reply.kind === "failed") {
        yield { events: [answered, ...stopped("model-failed", reply.detail).events] };
        return true;
      }
      const text = reply.kind === "reply" ? reply.message.text.trim() : "";
      if (text === "") yield { events: [answered] };
      else {
        yield replaceBy(text, [answered], tokensBefore);
        return false;
      }
    }
    yield replaceBy(null, [], tokensBefore);
    return false;
  }

  function replaceBy(text: string | null, before: EngineEvent[], tokensBefore: number): Progress {
    const summary = summaryOf(said, text, model.facts.contextTokens);
    said.push(summary);
    counted = null;
    return {
      events: [...before, { type: "context.compacted", step, summary: summary.text, tokensBefore, tokensAfter: size() }],
      said: [summary],
    };
  }

  /** A word of the loop's own to the model. */
  function tell(about: "stuck" | "checks" | "instructions", text: string, instructions?: string): Progress {
    const message: Message = { role: "user", text, note: true, ...(instructions ? { instructions } : {}) };
    said.push(message);
    return { events: [{ type: "agent.told", step, about, text }], said: [message] };
  }

  function stopped(reason: Stopped["reason"], detail: string, limit?: LimitReached): Progress & { events: [Stopped] } {
    return { events: [{ type: "engine.stopped", reason, detail, steps: step, ...(limit ? { limit } : {}) }] };
  }

  function reached(): LimitReached | null {
    const { minutes } = input.budget;
    if (timeUp.aborted) return { limit: "time", used: minutes, allowed: minutes };
    return limitReached(input.budget, { ...used, ms: used.ms + performance.now() - startedAt });
  }

  /** Of the next request, in tokens. */
  function size(): number {
    const messages = asMessages(said);
    if (counted) return counted.tokens + estimateTokens(messages.slice(counted.messages));
    return estimateTokens([...messages, { role: "user", text: system + JSON.stringify(described) }]);
  }

  function calling(): Omit<Calling, "tools" | "refusal"> {
    return { step, around, halted: () => (timeUp.aborted ? "the time limit of this turn is reached." : null), work, signal };
  }

  function changes(result: Spoken): boolean {
    return result.role === "tool" && tools.find(({ name }) => name === result.tool)?.readsOnly === false;
  }

  function changesSincePrompt(conversation: readonly Spoken[]): readonly Spoken[] {
    const prompt = conversation.findLastIndex(isPrompt);
    return conversation.slice(prompt + 1).filter(changes);
  }
}

type Stopped = Extract<EngineEvent, { type: "engine.stopped" }>;

/** The conversation with a result for each call: where a run was cut off or stopped in the middle of a call, there is none on record. */
function withEveryResult(conversation: readonly Spoken[]): Spoken[] {
  return conversation.flatMap((message, index): Spoken[] => {
    if (message.role !== "assistant" && message.role !== "tool") return [message];
    if (conversation[index + 1]?.role === "tool") return [message];
    const asked = conversation.slice(0, index + 1).findLastIndex(({ role }) => role === "assistant");
    const asking = conversation[asked];
    return asking?.role === "assistant" ? [message, ...asking.calls.slice(index - asked).map(interrupted)] : [message];
  });
}

function isSummary({ role }: Spoken): boolean {
  return role === "summary";
}
