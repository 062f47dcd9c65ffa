import type { ModelProvider, ModelProviderChange } from "@farhand/protocol";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { client } from "../../../lib/api.ts";
import { visibleLine } from "../../../lib/visible-text.ts";
import { Button } from "../../../ui/button.tsx";
import { Field } from "../../../ui/form.tsx";
import { Fault } from "../../../ui/states.tsx";

const TITLES = { openai: "OpenAI", anthropic: "Anthropic", compatible: "Compatible server" } as const;
const ABOUT = {
  openai: "Through the Responses API.",
  anthropic: "Through the Messages API, with prompt caching.",
  compatible: "Anything that speaks OpenAI's Chat Completions: Ollama, vLLM, llama.cpp, OpenRouter. The address usually ends in /v1.",
} as const;

/** One provider: how it stands, and a form that is closed until somebody wants to change it. */
export function ProviderForm({ provider, onChanged }: { provider: ModelProvider; onChanged: () => void }) {
  const [open, setOpen] = useState(false);
  const title = TITLES[provider.provider];
  return (
    <section aria-label={title} className="rounded-[10px] border border-line bg-panel p-4">
      <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <h2 className="font-semibold">{title}</h2>
        <Standing provider={provider} />
        <Button small className="ml-auto" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? "Close" : provider.available ? "Change" : "Connect"}
        </Button>
      </div>
      {provider.trouble ? (
        <p role="status" className="mt-2 rounded-lg bg-warn-soft px-3 py-2 break-words text-warn">
          {visibleLine(provider.trouble)}
        </p>
      ) : null}
      {open ? (
        <Fields
          provider={provider}
          onDone={() => {
            setOpen(false);
            onChanged();
          }}
        />
      ) : null}
    </section>
  );
}

function Standing({ provider: { key, available, baseUrl } }: { provider: ModelProvider }) {
  const from = key === "settings" ? "key set here" : key === "environment" ? "key from the worker's environment" : "no key";
  const connected = available !== null && available > 0;
  return (
    <span className="min-w-0 text-[12.5px] wrap-anywhere text-ink-2">
      <span className={connected ? "text-good" : "text-ink-3"}>
        {connected ? `✓ ${available} ${available === 1 ? "model" : "models"}` : "○ not connected"}
      </span>
      {" · "}
      {from}
      {baseUrl ? ` · ${visibleLine(baseUrl)}` : ""}
    </span>
  );
}

function Fields({ provider, onDone }: { provider: ModelProvider; onDone: () => void }) {
  const [key, setKey] = useState("");
  const [address, setAddress] = useState(provider.baseUrl ?? "");
  const [models, setModels] = useState(provider.models.join(", "));
  const save = useMutation({
    mutationFn: (change: ModelProviderChange) => client.changeModelProvider(provider.provider, change),
    onSuccess: onDone,
  });
  const moved = address.trim() !== (provider.baseUrl ?? "");
  const names = models
    .split(/[\s,]+/)
    .map((name) => name.trim())
    .filter(Boolean);
  const change: ModelProviderChange = {
    ...(key.trim() === "" ? {} : { key: key.trim() }),
    ...(moved ? { baseUrl: address.trim() === "" ? null : address.trim() } : {}),
    ...(names.join() === provider.models.join() ? {} : { models: names }),
  };
  return (
    <form
      className="mt-4 space-y-3"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate(change);
      }}
    >
      <p className="text-[12.5px] text-ink-2">{ABOUT[provider.provider]}</p>
      <Field
        label="Key"
        type="password"
        autoComplete="off"
        value={key}
        onChange={(event) => setKey(event.target.value)}
        placeholder={provider.key === "settings" ? "unchanged" : ""}
        hint={
          moved && key === ""
            ? "Another address: the key of the old one will not be used there. Give it again, where it is the same."
            : undefined
        }
      />
      <Field label="Address" type="url" inputMode="url" value={address} onChange={(event) => setAddress(event.target.value)} />
      <Field
        label="Models"
        value={models}
        onChange={(event) => setModels(event.target.value)}
        hint={
          provider.provider === "compatible"
            ? "Names as the server writes them, separated by commas; empty: all that it says it has."
            : "Names as the provider writes them, separated by commas; empty: all that are known."
        }
      />
      <Fault error={save.error} />
      <div className="flex flex-wrap gap-2">
        <Button kind="primary" type="submit" disabled={save.isPending || Object.keys(change).length === 0}>
          Save
        </Button>
        {provider.key === "settings" ? (
          <Button kind="danger" disabled={save.isPending} onClick={() => save.mutate({ key: null })}>
            Forget the key
          </Button>
        ) : null}
      </div>
    </form>
  );
}
