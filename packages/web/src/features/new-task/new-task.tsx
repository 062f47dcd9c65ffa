import type { Environment, Mode, NewTask, TaskSummary, TurnLimits } from "@farhand/protocol";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { z } from "zod";
import { client } from "../../lib/api.ts";
import { readStored, writeStored } from "../../lib/stored.ts";
import { visibleLine } from "../../lib/visible-text.ts";
import { Button } from "../../ui/button.tsx";
import { Files } from "../../ui/files.tsx";
import { Broken, Empty, Fault, Loading } from "../../ui/states.tsx";
import { useFiles } from "../../ui/use-files.ts";
import { modelsQuery } from "../models/models.ts";
import { environmentsQuery } from "../settings/environments.ts";
import { takeTask } from "../task-list/tasks.ts";
import { EstimateLine, estimateQuery } from "./estimate.tsx";
import { LimitChoice } from "./limit-choice.tsx";
import { type ChosenModel, ModelChoice, modelOf } from "./model-choice.tsx";
import { recentPrompts, rememberPrompt } from "./recent-prompts.ts";

export type Wish = {
  environment?: string | undefined;
  branch?: string | undefined;
  prompt?: string | undefined;
  model?: string | undefined;
  mode?: Mode | undefined;
};

const choiceLook = "max-w-full min-w-0 rounded-md border border-line bg-panel px-2 py-1 text-[13px] text-ink";

type Props = { wish: Wish; focus: boolean; onCreated: (task: TaskSummary) => void };

/** One large box; `wish` is what the link of the page brought along; `focus` puts the cursor into it. */
export function NewTaskBox(props: Props) {
  const environments = useQuery(environmentsQuery);
  const [first, ...others] = environments.data ?? [];
  return (
    <div className="mx-auto w-full max-w-3xl">
      <h1 className="mb-3 text-[18px] font-[620] tracking-[-0.012em]">What is to be done?</h1>
      {first ? (
        <NewTaskForm {...props} environments={[first, ...others]} />
      ) : environments.data ? (
        <Empty title="No environment yet">
          A task works in a copy of a repository.{" "}
          <Link to="/settings/environments/new" className="text-accent underline underline-offset-2">
            Add a repository
          </Link>{" "}
          first.
        </Empty>
      ) : environments.isLoadingError ? (
        <Broken what="The environments could not be loaded" error={environments.error} onRetry={() => void environments.refetch()} />
      ) : (
        <Loading label="Loading the environments" />
      )}
    </div>
  );
}

function NewTaskForm({ environments, wish, focus, onCreated }: Props & { environments: [Environment, ...Environment[]] }) {
  const queries = useQueryClient();
  const [prompt, setPrompt] = useState(wish.prompt ?? "");
  const [chosen, setChosen] = useState(() => wish.environment ?? readStored("environment", z.string()) ?? "");
  const models = useQuery(modelsQuery);
  const [model, setModel] = useState<ChosenModel>(() => ({ model: wish.model ?? readStored("model", z.string()) ?? "", effort: "" }));
  const [branch, setBranch] = useState(wish.branch ?? "");
  const [attempts, setAttempts] = useState(1);
  const [mode, setMode] = useState<Mode>(wish.mode ?? "code");
  const [limits, setLimits] = useState<TurnLimits>({});
  const [showsLimits, setShowsLimits] = useState(false);
  const [recent] = useState(recentPrompts);
  const files = useFiles(setPrompt);
  const environment = environments.find((one) => one.name === chosen || one.id === chosen) ?? environments[0];
  const asked = modelOf(models.data, model).model;
  const limited = Object.keys(limits).length;
  const usual = useQuery(estimateQuery(environment.id, mode, asked)).data;
  const create = useMutation({
    mutationFn: (task: NewTask) => client.createTask(task),
    onSuccess: (task) => {
      rememberPrompt(prompt);
      writeStored("environment", task.environment.name);
      writeStored("model", model.model);
      takeTask(queries, task);
      void queries.invalidateQueries({ queryKey: ["start"] });
      onCreated(task);
    },
  });
  const send = () => {
    if (prompt.trim() === "" || create.isPending) return;
    create.mutate({
      environment: environment.id,
      prompt,
      mode,
      attempts,
      limits,
      ...modelOf(models.data, model),
      ...files.sent(),
      ...(branch.trim() ? { ref: branch.trim() } : {}),
    });
  };

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div className="rounded-xl border border-line-strong bg-panel p-3 focus-within:border-accent">
        <textarea
          autoFocus={focus}
          aria-label="What is to be done"
          value={prompt}
          rows={Math.min(18, Math.max(5, prompt.split("\n").length + 1))}
          onChange={(event) => setPrompt(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            event.currentTarget.form?.requestSubmit();
          }}
          placeholder={`Say what is to be done.${models.data?.default === "script" ? " The model script runs the shell commands in ```sh blocks." : ""}`}
          className="w-full resize-y bg-transparent px-1 py-0.5 outline-none"
          {...files.box}
        />
        <div className="mt-2 flex flex-wrap items-center gap-2">
          <div className="grid w-full grid-cols-2 items-center gap-2 md:grid-cols-3">
            <select
              aria-label="Environment"
              value={environment.id}
              onChange={(event) => setChosen(event.target.value)}
              className={`${choiceLook} max-md:col-span-2`}
            >
              {environments.map((one) => (
                <option key={one.id} value={one.id}>
                  {one.name}
                </option>
              ))}
            </select>
            <input
              aria-label="Branch, tag or commit"
              value={branch}
              onChange={(event) => setBranch(event.target.value)}
              placeholder={environment.branch ?? "default branch"}
              className={choiceLook}
            />
            <ModelChoice chosen={model} onChoose={setModel} look={choiceLook} />
            <select
              aria-label="Mode"
              title="Code changes files; ask answers, and nothing that it changes is kept"
              value={mode}
              onChange={(event) => setMode(event.target.value === "ask" ? "ask" : "code")}
              className={choiceLook}
            >
              <option value="code">code</option>
              <option value="ask">ask</option>
            </select>
            <select
              aria-label="Attempts"
              title="So many candidates are worked out side by side; you choose one"
              value={attempts}
              onChange={(event) => setAttempts(Number(event.target.value))}
              className={choiceLook}
            >
              {[1, 2, 3, 4].map((count) => (
                <option key={count} value={count}>
                  {count === 1 ? "1 attempt" : `${count} attempts`}
                </option>
              ))}
            </select>
          </div>
          <Files of={files} />
          <Button
            small
            kind="quiet"
            aria-expanded={showsLimits}
            title="Where each attempt stops and keeps its work"
            onClick={() => setShowsLimits(!showsLimits)}
          >
            Limits{limited > 0 ? `: ${limited} set` : ""}
          </Button>
          <span className="ml-auto text-[12.5px] text-ink-2 max-md:hidden">⏎ send&ensp;⇧⏎ line</span>
          <Button kind="primary" type="submit" disabled={prompt.trim() === "" || create.isPending} className="max-md:ml-auto">
            Start
          </Button>
          {showsLimits ? <LimitChoice limits={limits} usual={usual?.limits ?? {}} onChange={setLimits} /> : null}
        </div>
      </div>
      <EstimateLine estimate={usual?.estimate ?? null} attempts={attempts} />
      <div className="mt-3">
        <Fault error={create.error} />
      </div>
      {recent.length > 0 ? (
        <section className="mt-6" aria-label="Recent prompts">
          <h2 className="mb-1 text-[12.5px] text-ink-3">Asked lately</h2>
          <ul>
            {recent.map((one) => (
              <li key={one}>
                <button
                  type="button"
                  onClick={() => setPrompt(one)}
                  className="w-full truncate rounded-md px-2 py-1 text-left text-ink-2 hover:bg-sunk hover:text-ink"
                >
                  {visibleLine(one)}
                </button>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
    </form>
  );
}
