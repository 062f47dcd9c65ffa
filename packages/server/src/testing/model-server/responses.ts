import { argumentsOf, type Said, type Stream, TOKENS } from "./said.ts";

type Event = { type: string } & Record<string, unknown>;

/** Events of OpenAI's Responses. */
export function responsesEvents({ text, thought, calls = [], cutOff, tokens = TOKENS }: Said, model: string, n: number): Stream {
  let sequence = 0;
  const named = (data: Event) => ({ event: data.type, data: { ...data, sequence_number: sequence++ } });
  const items: { done: Event; deltas: (at: { item_id: unknown; output_index: number }) => Event[] }[] = [];
  if (thought !== undefined)
    items.push({ done: { type: "reasoning", id: `rs_${n}`, summary: [], encrypted_content: thought }, deltas: () => [] });
  if (text !== undefined) {
    const part = { type: "output_text", text, annotations: [], logprobs: [] };
    items.push({
      done: { type: "message", id: `msg_${n}`, role: "assistant", status: "completed", content: [part] },
      deltas: (at) => [
        { type: "response.content_part.added", ...at, content_index: 0, part: { ...part, text: "" } },
        { type: "response.output_text.delta", ...at, content_index: 0, delta: text, logprobs: [] },
        { type: "response.output_text.done", ...at, content_index: 0, text, logprobs: [] },
        { type: "response.content_part.done", ...at, content_index: 0, part },
      ],
    });
  }
  for (const [index, call] of calls.entries()) {
    const whole = argumentsOf(call);
    items.push({
      done: {
        type: "function_call",
        id: `fc_${n}_${index}`,
        call_id: `call_${n}_${index}`,
        name: call.name,
        arguments: whole,
        status: "completed",
      },
      deltas: (at) => [
        { type: "response.function_call_arguments.delta", ...at, delta: whole },
        { type: "response.function_call_arguments.done", ...at, arguments: whole },
      ],
    });
  }
  const response = { id: `resp_${n}`, object: "response", created_at: 1_790_000_000, model, status: "in_progress", output: [] };
  const begin = [named({ type: "response.created", response }), named({ type: "response.in_progress", response })];
  for (const [output_index, { done, deltas }] of items.entries()) {
    const { status: _, ...item } = done;
    const added = { ...item, ...("content" in done && { content: [] }), ...("arguments" in done && { arguments: "" }) };
    begin.push(
      named({ type: "response.output_item.added", output_index, item: { ...added, ...("status" in done && { status: "in_progress" }) } }),
    );
    for (const delta of deltas({ item_id: done.id, output_index })) begin.push(named(delta));
    begin.push(named({ type: "response.output_item.done", output_index, item: done }));
  }
  const usage = {
    input_tokens: tokens.input,
    input_tokens_details: { cached_tokens: tokens.cached },
    output_tokens: tokens.output,
    output_tokens_details: { reasoning_tokens: tokens.reasoning },
    total_tokens: tokens.input + tokens.output,
  };
  const status = cutOff ? "incomplete" : "completed";
  const incomplete_details = cutOff ? { reason: "max_output_tokens" } : null;
  const output = items.map(({ done }) => done);
  return {
    begin,
    end: [named({ type: `response.${status}`, response: { ...response, status, incomplete_details, output, usage } })],
  };
}
