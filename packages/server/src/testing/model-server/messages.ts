import { argumentsOf, type Said, type Stream, TOKENS } from "./said.ts";

type Block = { start: object; deltas: object[] };

/** Events of Anthropic's Messages. */
export function messagesEvents({ text, thought, calls = [], cutOff, tokens = TOKENS }: Said, model: string, n: number): Stream {
  const named = (data: { type: string } & Record<string, unknown>) => ({ event: data.type, data });
  const blocks: Block[] = [
    ...(thought === undefined
      ? []
      : [
          {
            start: { type: "thinking", thinking: "", signature: "" },
            deltas: [
              { type: "thinking_delta", thinking: "Let me see." },
              { type: "signature_delta", signature: thought },
            ],
          },
        ]),
    ...(text === undefined ? [] : [{ start: { type: "text", text: "" }, deltas: [{ type: "text_delta", text }] }]),
    ...calls.map((call, index) => ({
      start: { type: "tool_use", id: `toolu_${n}_${index}`, name: call.name, input: {} },
      deltas: [{ type: "input_json_delta", partial_json: argumentsOf(call) }],
    })),
  ];
  const usage = {
    input_tokens: tokens.input - tokens.cached - tokens.cacheWrite,
    cache_creation_input_tokens: tokens.cacheWrite,
    cache_read_input_tokens: tokens.cached,
    output_tokens: 1,
  };
  const message = {
    id: `msg_${n}`,
    type: "message",
    role: "assistant",
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  };
  const stop_reason = cutOff ? "max_tokens" : calls.length > 0 ? "tool_use" : "end_turn";
  return {
    begin: [
      named({ type: "message_start", message }),
      named({ type: "ping" }),
      ...blocks.flatMap(({ start, deltas }, index) => [
        named({ type: "content_block_start", index, content_block: start }),
        ...deltas.map((delta) => named({ type: "content_block_delta", index, delta })),
        named({ type: "content_block_stop", index }),
      ]),
    ],
    end: [
      named({
        type: "message_delta",
        delta: { stop_reason, stop_sequence: null },
        usage: { output_tokens: tokens.output, output_tokens_details: { thinking_tokens: tokens.reasoning } },
      }),
      named({ type: "message_stop" }),
    ],
  };
}
