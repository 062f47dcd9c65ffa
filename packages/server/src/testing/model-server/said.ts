/** What the model says. `thought`: what the provider wants back with the next request. */
export type Said = {
  text?: string;
  thought?: string;
  /** Arguments that are a string are sent as they are, JSON or not. */
  calls?: readonly { name: string; arguments: object | string }[];
  /** The output limit was reached. */
  cutOff?: boolean;
  tokens?: { input: number; cached: number; cacheWrite: number; output: number; reasoning: number };
};

/** What a stream is made of: `data` of each event, with its name where the form has names. */
export type StreamEvent = { event?: string; data: unknown };

/** `begin` is where a stream may break off, `end` is what tells a whole one. */
export type Stream = { begin: StreamEvent[]; end: StreamEvent[] };

export const TOKENS = { input: 100, cached: 40, cacheWrite: 0, output: 20, reasoning: 5 };

export function argumentsOf(call: { arguments: object | string }): string {
  return typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments);
}
