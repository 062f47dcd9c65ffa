import type { ToolMessage } from "./calls.ts";
import { asMessages, estimateTokens, isFull, type Spoken, type Summary, summaryOf } from "./compaction.ts";
import { isPrompt, type Message, type ToolCall } from "./models/model.ts";

const LOST =
  "Interrupted: the machine was lost before this had ended. The working tree is as it was before the call; what it did elsewhere is unknown.";
const ENDED = "Interrupted: the work was ended while this ran. What it had changed in the working tree until then is kept.";

/** What was said between people, the loop and its model, as it grows; how much of the model's context it takes, and the summary in its place. */
export type Conversation = ReturnType<typeof openConversation>;

/**
 * Begins with what was said before, in which every call gets a result. `before`: what each request has in front of it. `contextTokens`: of its model,
 * as far as it is known.
 */
export function openConversation(given: readonly Spoken[], { before, contextTokens }: { before: string; contextTokens: number | null }) {
  const said = withEveryResult(given);
  /** What the provider counted for the first so many messages; the others are estimated. */
  let counted: { tokens: number; messages: number } | null = null;

  /** Of the next request, in tokens. */
  function size(): number {
    const messages = asMessages(said);
    if (counted) return counted.tokens + estimateTokens(messages.slice(counted.messages));
    return estimateTokens([...messages, { role: "user", text: before }]);
  }

  /** What was said since the turn's prompt. */
  function sincePrompt(): readonly Spoken[] {
    return said.slice(said.findLastIndex(isPrompt) + 1);
  }

  return {
    size,
    /** What the model is sent of it. */
    messages: (): Message[] => asMessages(said),
    add: (...more: readonly Spoken[]): void => void said.push(...more),
    /** The provider counted so many tokens for these messages and its reply to them. */
    count(messages: readonly Message[], tokens: number): void {
      counted = { tokens, messages: messages.length + 1 };
    },
    /** Whether it is to be shortened before the next request: not where there is little but the last summary. */
    isFull: (): boolean => isFull(size(), contextTokens) && said.slice(said.findLastIndex(isSummary) + 1).length > 1,
    /** Puts a summary in the place of all that was said, which it returns. `text` null: the model could not say. */
    shorten(text: string | null): Summary {
      const summary = summaryOf(said, text, contextTokens);
      said.push(summary);
      counted = null;
      return summary;
    },
    /** Whether the last word is the model's, and it called nothing. */
    isAnswered: (): boolean => said.at(-1)?.role === "assistant",
    sincePrompt,
    /** The last of the loop's own words of which this holds, among those that the model has before it. */
    lastNote: (isMeant: (text: string) => boolean): string | undefined =>
      asMessages(said).findLast((one) => one.role === "user" && one.note === true && isMeant(one.text))?.text,
    /** The files of instructions that the model has before it. */
    instructions: (): ReadonlySet<string> =>
      new Set(asMessages(said).flatMap((one) => (one.role === "user" && one.instructions ? [one.instructions] : []))),
  };
}

/** The conversation with a result for each call: where a run was cut off, or a turn ended, in the middle of a call, there is none on record. */
function withEveryResult(conversation: readonly Spoken[]): Spoken[] {
  const lastPrompt = conversation.findLastIndex(isPrompt);
  return conversation.flatMap((message, index): Spoken[] => {
    if (message.role !== "assistant" && message.role !== "tool") return [message];
    if (conversation[index + 1]?.role === "tool") return [message];
    const asked = conversation.slice(0, index + 1).findLastIndex(({ role }) => role === "assistant");
    const asking = conversation[asked];
    if (asking?.role !== "assistant") return [message];
    return [message, ...asking.calls.slice(index - asked).map((call) => cutOff(call, index < lastPrompt ? ENDED : LOST))];
  });
}

function cutOff({ id, name }: ToolCall, text: string): ToolMessage {
  return { role: "tool", call: id, tool: name, text, isError: true, exit: null, isCutOff: true };
}

function isSummary({ role }: Spoken): boolean {
  return role === "summary";
}
