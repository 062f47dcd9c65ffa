import type { Environment, EnvironmentVersion } from "@farhand/protocol";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { client } from "../../../lib/api.ts";
import { visibleLine, visibleText } from "../../../lib/visible-text.ts";
import { timeOfDay } from "../../../lib/words.ts";
import { Button } from "../../../ui/button.tsx";
import { Choice } from "../../../ui/form.tsx";
import { Broken, Fault, Loading } from "../../../ui/states.tsx";
import { type DiffLine, lineDiff } from "./line-diff.ts";
import { changesOf, recipeOf } from "./recipe.ts";
import { textOfVersion } from "./recipe-text.ts";

/** All that the environment has been: who saved it, what they changed, and a way back. */
export function Versions({ environment }: { environment: Environment }) {
  const queries = useQueryClient();
  const versions = useInfiniteQuery({
    queryKey: ["environment-versions", environment.id],
    queryFn: ({ pageParam }) => client.environmentVersions(environment.id, pageParam === null ? {} : { cursor: pageParam }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.cursor,
  });
  const [compared, setCompared] = useState<{ from: number; to: number } | null>(null);
  const restore = useMutation({
    mutationFn: (old: EnvironmentVersion) =>
      client.changeEnvironment(environment.id, {
        ...changesOf(recipeOf(environment), recipeOf(old.recipe)),
        version: environment.version,
      }),
    onSuccess: (saved) => {
      queries.setQueryData(["environment", environment.name], saved);
      void queries.invalidateQueries({ queryKey: ["environment-versions", environment.id] });
      void queries.invalidateQueries({ queryKey: ["environments"] });
    },
  });
  if (versions.isLoadingError)
    return <Broken what="The versions could not be loaded" error={versions.error} onRetry={() => void versions.refetch()} />;
  if (!versions.data) return <Loading label="Loading the versions" lines={2} />;
  const all = versions.data.pages.flatMap((page) => page.versions);
  return (
    <section aria-label="Versions" className="space-y-3">
      <h3 className="font-[550]">Versions</h3>
      <Fault error={restore.error} />
      <ul className="divide-y divide-line rounded-[10px] border border-line bg-panel">
        {all.map((one, at) => (
          <li key={one.version} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2">
            <b className="font-[550]">Version {one.version}</b>
            <span className="min-w-0 flex-1 truncate text-[12.5px] text-ink-3">
              {visibleLine(one.createdBy.name)}, {timeOfDay(one.createdAt)}
            </span>
            {all[at + 1] ? (
              <Button
                small
                kind="quiet"
                aria-label={`Changes of version ${one.version}`}
                onClick={() => setCompared({ from: one.version - 1, to: one.version })}
              >
                Changes
              </Button>
            ) : null}
            {one.version === environment.version ? (
              <span className="text-[12.5px] text-ink-3">in use</span>
            ) : (
              <Button small aria-label={`Restore version ${one.version}`} disabled={restore.isPending} onClick={() => restore.mutate(one)}>
                Restore
              </Button>
            )}
          </li>
        ))}
      </ul>
      {versions.hasNextPage ? (
        <Button small disabled={versions.isFetchingNextPage} onClick={() => void versions.fetchNextPage()}>
          Show older versions
        </Button>
      ) : null}
      {compared ? <Comparison versions={all} {...compared} onChange={setCompared} /> : null}
    </section>
  );
}

type ComparisonProps = {
  versions: readonly EnvironmentVersion[];
  from: number;
  to: number;
  onChange: (compared: { from: number; to: number }) => void;
};

function Comparison({ versions, from, to, onChange }: ComparisonProps) {
  const before = versions.find(({ version }) => version === from);
  const after = versions.find(({ version }) => version === to);
  const lines = useMemo(() => (before && after ? lineDiff(textOfVersion(before), textOfVersion(after)) : []), [before, after]);
  const options = versions.map(({ version }) => [String(version), `version ${version}`] as const);
  const same = lines.every(({ kind }) => kind === "same");
  return (
    <section aria-label="What changed" className="space-y-2">
      <div className="grid max-w-md grid-cols-2 gap-3">
        <Choice label="From" value={String(from)} options={options} onChange={(value) => onChange({ from: Number(value), to })} />
        <Choice label="To" value={String(to)} options={options} onChange={(value) => onChange({ from, to: Number(value) })} />
      </div>
      {same ? (
        <p className="text-ink-2">Nothing that is shown differs: a secret or the access token may have got a new value.</p>
      ) : (
        <div className="overflow-hidden rounded-[10px] border border-line font-mono text-[12px] leading-[1.65]">
          {lines.map((line, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
            <Line key={at} line={line} />
          ))}
        </div>
      )}
    </section>
  );
}

const LOOK = { same: "bg-panel", added: "bg-good-soft", removed: "bg-bad-soft" };
const SIGN = { same: " ", added: "+", removed: "−" };
const SIGN_LOOK = { same: "", added: "text-good", removed: "text-bad" };

function Line({ line }: { line: DiffLine }) {
  return (
    <div className={`grid grid-cols-[24px_minmax(0,1fr)] ${LOOK[line.kind]}`}>
      <span className={`text-center ${SIGN_LOOK[line.kind]}`}>{SIGN[line.kind]}</span>
      <span className="pr-2 wrap-anywhere whitespace-pre-wrap">{visibleText(line.text) || "\u00a0"}</span>
    </div>
  );
}
