import type { Usage } from "@farhand/protocol";
import { messageOf } from "../text.ts";
import type { Ending, Message, Model, ModelRequest, ToolCall } from "./model.ts";

export type Reply =
  | { kind: "reply"; text: string; calls: readonly ToolCall[]; usage: Usage; ending: Ending; message: Message }
  | { kind: "failed"; detail: string };

/** One request to the model and its whole reply. What the model throws is a value; rejects on abort only, with its reason. */
export async function ask(model: Model, request: ModelRequest, signal: AbortSignal): Promise<Reply> {
  let text = "";
  const calls: ToolCall[] = [];
  try {
    for await (const part of model.respond(request, signal)) {
      signal.throwIfAborted();
      if (part.type === "text") text += part.delta;
      else if (part.type === "call") calls.push(part.call);
      else return replied(text, calls, part.usage, part.ending, part.state);
    }
  } catch (error) {
    signal.throwIfAborted();
    return { kind: "failed", detail: messageOf(error) };
  }
  signal.throwIfAborted();
  return { kind: "failed", detail: "the model's reply broke off in the middle" };
}

function replied(
  text: string,
  calls: readonly ToolCall[],
  usage: Usage,
  ending: Ending,
  state: Extract<Message, { role: "assistant" }>["state"],
): Reply {
  if (ending.kind === "cut-off" && calls.length === 0)
    return { kind: "failed", detail: "the model's reply was cut off at its output limit" };
  const message: Message = { role: "assistant", text, calls, ...(state === undefined ? {} : { state }) };
  return { kind: "reply", text, calls, usage, ending, message };
}
