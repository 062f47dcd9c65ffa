import { type EngineEvent, type LimitReached, limitInWords, type Question } from "@farhand/protocol";
import { type Calling, carryOut, type Surroundings } from "./calls.ts";
import { runChecks } from "./checks.ts";
import { type Spoken, summaryRequest } from "./compaction.ts";
import { instructionsGiven, touched } from "./context/instructions.ts";
import {
  isAboutSetup,
  MACHINE_STANDS,
  machineIsNew,
  SETUP_IS_THERE,
  setupIsMissing,
  systemPrompt,
  WENT_BACK,
} from "./context/system-prompt.ts";
import { openConversation } from "./conversation.ts";
import { describe } from "./describe.ts";
import type { Engine, EngineInput, Progress } from "./engine.ts";
import type { AssistantMessage, Ending, FindModel, Message, Model, ToolCall } from "./models/model.ts";
import { findScript } from "./models/script.ts";
import { type Answer, type Asking, request } from "./requests.ts";
import { openSpending } from "./spending.ts";
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

async function* loop(
  model: Model,
  tools: readonly Tool[],
  input: EngineInput,
  around: Surroundings,
  signal: AbortSignal,
): AsyncGenerator<Progress> {
  const system = systemPrompt(input);
  const described = tools.map(({ name, description, input }) => ({ name, description, parameters: schemaOf(input) }));
  const { contextTokens } = model.facts;
  const conversation = openConversation(input.conversation, { before: system + JSON.stringify(described), contextTokens });
  const spending = openSpending(input.budget, { ...input.usedBefore, steps: input.stepsBefore });
  /** Aborts also when the work is to end, and be kept. */
  const work = AbortSignal.any([signal, spending.timeUp, ...(around.finish ? [around.finish] : [])]);
  const asking: Asking = {
    model,
    name: input.model,
    ...(input.effort && { effort: input.effort }),
    system,
    tools: described,
    work,
    signal,
    writing: around.writing ?? (() => {}),
  };
  const stuck = stuckWatch();
  let step = input.stepsBefore;
  let unchecked = conversation.sincePrompt().some(changes);
  let checkRounds = 0;
  let justShortened = false;
  /** What is told with the next request: not in the system text, so that all before it stays as the provider has cached it. */
  const news = [
    ...(input.wentBack ? [WENT_BACK] : []),
    ...(input.machineIsNew ? [machineIsNew(input.mode ?? "code")] : input.machineStands ? [MACHINE_STANDS] : []),
  ].map((text): Message => ({ role: "user", text, note: true }));

  if (conversation.isAnswered() && (yield* finish({ kind: "complete" }, null))) return; // a run was cut off right after the last word
  const toldOfSetup = conversation.lastNote(isAboutSetup);
  const setup = input.setupFailed !== undefined ? setupIsMissing(input.setupFailed) : toldOfSetup && SETUP_IS_THERE;
  if (setup !== undefined && setup !== toldOfSetup && !input.machineStands) yield tell("setup", setup);
  for (;;) {
    signal.throwIfAborted();
    const end = ended();
    if (end) return yield end;
    yield* takeReplies();
    conversation.add(...news);
    if (conversation.isFull()) {
      if (yield* shorten(SUMMARY_TRIES)) return;
      continue;
    }
    const { reply, answered } = yield* send(conversation.messages());
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

  /** The next step's request. */
  function send(messages: readonly Message[], purpose?: "summary"): AsyncGenerator<Progress, Answer> {
    step += 1;
    return request(step, messages, asking, { spending, conversation, told: news.splice(0), ...(purpose && { purpose }) });
  }

  /** Takes the model's words in. They are stored together with what the request used. */
  function hear(message: AssistantMessage, answered: EngineEvent): Progress {
    const isEmpty = message.text === "" && message.calls.length === 0;
    if (!isEmpty) conversation.add(message);
    const words: EngineEvent[] = message.text === "" ? [] : [{ type: "message", step, text: message.text }];
    return { events: [...words, answered], said: isEmpty ? [] : [message] };
  }

  /** Carries out the calls of a reply. true = the work has ended with it. */
  async function* act(calls: readonly ToolCall[], ending: Ending): AsyncGenerator<Progress, boolean> {
    const results = yield* carryOut(calls, { ...calling(), tools, refusal: ending.kind === "cut-off" ? CUT_OFF : null });
    conversation.add(...results);
    unchecked ||= results.some(changes);
    for (const one of touched(input.repository?.instructions ?? [], calls, conversation.instructions()))
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
    yield around.finish?.aborted ? stopped("stopped", "") : { events: asked };
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
        if (halted() === null) yield tell("checks", failures);
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
    conversation.add(...replies);
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
    const tokensBefore = conversation.size();
    for (const mostChars of tries) {
      if (ended()) return false;
      const { reply, answered } = yield* send(summaryRequest(conversation.messages(), mostChars), "summary");
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
    const summary = conversation.shorten(text);
    const tokensAfter = conversation.size();
    return {
      events: [...before, { type: "context.compacted", step, summary: summary.text, tokensBefore, tokensAfter }],
      said: [summary],
    };
  }

  /** A word of the loop's own to the model. */
  function tell(about: Told, text: string, instructions?: string): Progress {
    const message: Message = { role: "user", text, note: true, ...(instructions ? { instructions } : {}) };
    conversation.add(message);
    return { events: [{ type: "agent.told", step, about, text }], said: [message] };
  }

  function stopped(reason: Stopped["reason"], detail: string, limit?: LimitReached): Progress & { events: [Stopped] } {
    return { events: [{ type: "engine.stopped", reason, detail, steps: step, ...(limit ? { limit } : {}) }] };
  }

  /** The end, where there is no room for one more request. */
  function ended(): Progress | null {
    if (around.finish?.aborted) return stopped("stopped", "");
    const limit = spending.reached();
    return limit && stopped("budget-reached", `The ${limitInWords(limit)} is reached.`, limit);
  }

  /** Why the work is to end in the middle of a step, in words; null = it is not. */
  function halted(): string | null {
    if (around.finish?.aborted) return "the user ended the work. What it had changed in the working tree until then is kept.";
    return spending.timeUp.aborted ? "the time limit of this turn is reached." : null;
  }

  function calling(): Omit<Calling, "tools" | "refusal"> {
    return { step, around, halted, work, signal };
  }

  function changes(result: Spoken): boolean {
    return result.role === "tool" && tools.find(({ name }) => name === result.tool)?.readsOnly === false;
  }
}

type Told = Extract<EngineEvent, { type: "agent.told" }>["about"];
type Stopped = Extract<EngineEvent, { type: "engine.stopped" }>;
