import { argumentsOf, type Said, type Stream, TOKENS } from "./said.ts";

/** Chunks of OpenAI's Chat Completions, with `reasoning_content` as vLLM, llama.cpp and DeepSeek send it. */
export function chatEvents({ text = "", thought, calls = [], cutOff, tokens = TOKENS }: Said, model: string, n: number): Stream {
  const head = { id: `chatcmpl-${n}`, object: "chat.completion.chunk", created: 1_790_000_000, model };
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    data: { ...head, choices: [{ index: 0, delta, finish_reason }] },
  });
  const ofCall = (call: NonNullable<Said["calls"]>[number], index: number) => {
    const whole = argumentsOf(call);
    const half = Math.ceil(whole.length / 2);
    return [
      chunk({ tool_calls: [{ index, id: `call_${n}_${index}`, type: "function", function: { name: call.name, arguments: "" } }] }),
      chunk({ tool_calls: [{ index, function: { arguments: whole.slice(0, half) } }] }),
      chunk({ tool_calls: [{ index, function: { arguments: whole.slice(half) } }] }),
    ];
  };
  const usage = {
    prompt_tokens: tokens.input,
    completion_tokens: tokens.output,
    total_tokens: tokens.input + tokens.output,
    prompt_tokens_details: { cached_tokens: tokens.cached },
    completion_tokens_details: { reasoning_tokens: tokens.reasoning },
  };
  return {
    begin: [
      chunk({ role: "assistant", content: "" }),
      ...(thought === undefined ? [] : [chunk({ reasoning_content: thought })]),
      ...(text === "" ? [] : [chunk({ content: text })]),
      ...calls.flatMap(ofCall),
    ],
    end: [
      chunk({}, cutOff ? "length" : calls.length > 0 ? "tool_calls" : "stop"),
      { data: { ...head, choices: [], usage } },
      { data: "[DONE]" },
    ],
  };
}
