import { Excerpt } from "./excerpt.ts";
import type { Image, Message } from "./models/model.ts";

/** Takes the place of all that was said before: what people asked, word for word, and the model's own account of the work. */
export type Summary = { role: "summary"; asked: readonly { text: string; images?: readonly Image[] }[]; text: string };

/** What a conversation is made of, as it is stored. */
export type Spoken = Message | Summary;

const CHARS_PER_TOKEN = 3.5;
const IMAGE_TOKENS = 1500;
/** Where a model's context size is not known. */
const DEFAULT_CONTEXT_TOKENS = 128_000;
/** The conversation is shortened once it fills this part of the context: the rest is for the next reply and the results of its calls. */
const FULL = 0.75;
/** Of the context, what people's own words may take in a summary. */
const ASKED = 0.2;
const SUMMARY_CHARS = 40_000;

const INSTRUCTION = [
  "This conversation nears the end of what you can take in at once. Call no tool now. Write a summary that replaces everything before this message,",
  "so that you can go on from it alone (what the user said stays, word for word, and need not be in it):",
  "- what you found out, with file paths and line numbers, and what you ruled out;",
  "- what you changed, file by file, and why;",
  "- which commands you ran and what they showed, above all tests and checks: what passes, what fails, with the decisive lines;",
  "- what is left to do, and the next step.",
  "State only what this conversation shows.",
].join("\n");

/** What a model is sent of a conversation: from the last summary on, and that as a user's message. */
export function asMessages(said: readonly Spoken[]): Message[] {
  const last = said.findLastIndex(({ role }) => role === "summary");
  const summary = said[last];
  const rest = said.slice(last + 1).filter((one): one is Message => one.role !== "summary");
  return summary?.role === "summary" ? [summaryMessage(summary), ...rest] : rest;
}

function summaryMessage({ asked, text }: Summary): Message {
  const images = asked.flatMap((one) => one.images ?? []);
  const words = asked.map((one, index) => `<message number="${index + 1}">\n${one.text}\n</message>`);
  return {
    role: "user",
    text: [
      "The conversation before this was shortened, since it neared the end of what you can take in. The working tree is as you left it.",
      `What the user said, word for word:\n${words.join("\n")}`,
      `Your own summary of the work so far:\n${text}`,
      "Go on from there.",
    ].join("\n\n"),
    ...(images.length === 0 ? {} : { images }),
  };
}

/** Roughly how many tokens it takes. */
export function estimateTokens(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => {
    const calls = message.role === "assistant" ? JSON.stringify(message.calls).length : 0;
    const images = message.role === "user" ? (message.images ?? []).length * IMAGE_TOKENS : 0;
    return sum + Math.ceil((message.text.length + calls) / CHARS_PER_TOKEN) + images;
  }, 0);
}

/** Whether a conversation of so many tokens is to be shortened before the next request. */
export function isFull(tokens: number, contextTokens: number | null | undefined): boolean {
  return tokens > (contextTokens ?? DEFAULT_CONTEXT_TOKENS) * FULL;
}

/** The messages of the request for a summary. `mostChars`: longer results and replies are cut to it, where the whole does not fit. */
export function summaryRequest(messages: readonly Message[], mostChars: number | null): Message[] {
  return [
    ...messages.map((message) => (mostChars === null ? message : cut(message, mostChars))),
    { role: "user", text: INSTRUCTION, note: true },
  ];
}

/** The summary that takes the place of all this. `text` null: the model could not say; then what it said last has to do. */
export function summaryOf(said: readonly Spoken[], text: string | null, contextTokens: number | null | undefined): Summary {
  const last = said.findLastIndex(({ role }) => role === "summary");
  const before = said[last];
  const fresh = said.slice(last + 1).flatMap((one) => (one.role === "user" && !one.note ? [one] : []));
  const asked = [
    ...(before?.role === "summary" ? before.asked : []),
    ...fresh.map(({ text, images }) => (images ? { text, images } : { text })),
  ];
  const chars = ((contextTokens ?? DEFAULT_CONTEXT_TOKENS) * CHARS_PER_TOKEN * ASKED) / Math.max(1, asked.length);
  return {
    role: "summary",
    asked: asked.map((one) => ({ ...one, text: shortened(one.text, chars) })),
    text: shortened(text ?? inPlaceOfSummary(said), SUMMARY_CHARS),
  };
}

function inPlaceOfSummary(said: readonly Spoken[]): string {
  const words = said.flatMap((one) => ((one.role === "assistant" || one.role === "summary") && one.text !== "" ? [one.text] : []));
  return [
    "(You could not be asked for a summary. What you said last:)",
    ...words.slice(-5),
    "Look at `git diff` for what is changed.",
  ].join("\n\n");
}

function cut(message: Message, mostChars: number): Message {
  if (message.role === "user") return message;
  return message.role === "tool"
    ? { ...message, text: shortened(message.text, mostChars) }
    : { ...message, text: shortened(message.text, mostChars) };
}

function shortened(text: string, chars: number): string {
  if (text.length <= chars) return text;
  const excerpt = new Excerpt(chars);
  excerpt.append(text);
  return String(excerpt);
}
