import type { LanguageModelV4, LanguageModelV4CallOptions, SharedV4ProviderOptions } from "@ai-sdk/provider";
import type { Secret } from "../../../domain/secret.ts";

export const PROVIDERS = ["openai", "anthropic", "compatible"] as const;
export type ProviderName = (typeof PROVIDERS)[number];

/** Where an inference API is, and the right to use it. */
export type Connection = { baseUrl: string; key: Secret | null };

/** Follows no redirection: a key is for the address it was given with, and not every header that holds one is left out on the way to another. */
export const fetchThere: typeof fetch = (input, init) => fetch(input, { ...init, redirect: "error" });

type Prompt = LanguageModelV4CallOptions["prompt"];

/** One inference API: what is its own about requests. All else is the same for all of them. */
export interface Provider {
  readonly name: ProviderName;
  /** What people call it. */
  readonly title: string;
  /** null: nothing is assumed, and somebody has to name one. */
  readonly defaultBaseUrl: string | null;
  /** false: its servers may be used without one. */
  readonly needsKey: boolean;
  /** The name under which options and metadata of its parts travel. */
  readonly space: string;
  /** Whether a tool's failure is said beside its text, and not by the text alone. */
  readonly marksErrors: boolean;
  open(connection: Connection, model: string): LanguageModelV4;
  /** The provider's own options of a request with this prompt, which it may mark. */
  options(prompt: Prompt, model: string): SharedV4ProviderOptions;
}
