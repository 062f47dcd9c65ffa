import type { Usage } from "@farhand/protocol";
import { messageOf } from "../text.ts";
import { type AssistantMessage, ContextFull, type Ending, type Model, type ModelRequest, type Retried, type ToolCall } from "./model.ts";

/** `context-full`: the conversation is too long for the model, and has to be made shorter. */
export type Reply =
  | { kind: "reply"; message: AssistantMessage; usage: Usage; ending: Ending }
  | { kind: "failed"; detail: string }
  | { kind: "context-full"; detail: string };

/** One request to the model and its whole reply, `onText` told its text as it comes; yields each time it is sent again. What the model throws is a value; rejects on abort only, with its reason. */
export async function* ask(
  model: Model,
  request: ModelRequest,
  signal: AbortSignal,
  onText: (text: string) => void = () => {},
): AsyncGenerator<Retried, Reply> {
  let text = "";
  let calls: ToolCall[] = [];
  try {
    for await (const part of model.respond(request, signal)) {
      signal.throwIfAborted();
      if (part.type === "text") {
        text += part.delta;
        onText(part.delta);
      } else if (part.type === "call") calls.push(part.call);
      else if (part.type === "retried") {
        text = "";
        calls = [];
        yield part;
      } else {
        const { usage, ending, state } = part;
        if (ending.kind === "cut-off" && calls.length === 0) return failed("the model's reply was cut off at its output limit");
        return { kind: "reply", message: { role: "assistant", text, calls, ...(state === undefined ? {} : { state }) }, usage, ending };
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ContextFull) return { kind: "context-full", detail: messageOf(error) };
    return failed(messageOf(error));
  }
  signal.throwIfAborted();
  return failed("the model's reply broke off in the middle");
}

function failed(detail: string): Reply {
  return { kind: "failed", detail };
}
