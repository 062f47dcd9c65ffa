import type { TaskSummary } from "@farhand/protocol";
import { Button, buttonLook } from "../../ui/button.tsx";
import { Key } from "../../ui/marks.tsx";
import { OutsideLink } from "../../ui/outside-link.tsx";
import { Fault } from "../../ui/states.tsx";
import { useKeys } from "../keyboard/keys.ts";
import { type Deed, deedsFor, useDeed } from "./deeds.ts";

const NAMES: Record<Deed, string> = {
  cancel: "Cancel",
  archive: "Archive",
  unarchive: "Take out of archive",
  publish: "Publish branch",
  retry: "Try again",
  "go-on": "Go on",
};
const HINTS: Partial<Record<Deed, string>> = {
  cancel: "Ends the task, and throws away what was done",
  retry: "Asks the same once more, from where it began",
  "go-on": "Another turn from where it stopped, which may use as much again",
};

type Props = { task: TaskSummary; attempt: number; onAnswer: () => void };

/** The one next step, and beside it, quieter, what else can be done. */
export function NextSteps({ task, attempt, onAnswer }: Props) {
  const deed = useDeed(task.id, attempt);
  const deeds = deedsFor(task, attempt);
  useKeys({ p: deeds.includes("publish") && !deed.isPending ? () => deed.mutate("publish") : null });
  const asks = task.attempts.some((one) => one.number === attempt && one.state === "awaiting-input");
  const pullRequest = task.publication?.state === "published" ? task.publication.pullRequest : null;
  const leads = (one: Deed) => one === deeds[0] && (one === "publish" || one === "retry" || one === "go-on");
  const alone = deeds.length === 1 && !asks && !pullRequest;
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div className="flex flex-wrap justify-end gap-2 max-md:flex-row-reverse">
        {[...deeds].reverse().map((one) => (
          <Button
            key={one}
            kind={leads(one) ? "primary" : !alone ? "quiet" : one === "cancel" ? "danger" : "plain"}
            disabled={deed.isPending}
            title={HINTS[one]}
            onClick={() => deed.mutate(one)}
          >
            {one === "publish" ? publishInWords(task, attempt) : NAMES[one]}
            {one === "publish" ? <Key>P</Key> : null}
          </Button>
        ))}
        {asks ? (
          <Button kind="primary" onClick={onAnswer}>
            Answer <Key>R</Key>
          </Button>
        ) : null}
        {pullRequest ? (
          <OutsideLink to={pullRequest.url} look={buttonLook(deeds[0] === "publish" ? "plain" : "primary")}>
            View pull request
          </OutsideLink>
        ) : null}
      </div>
      <Fault error={deed.error} />
    </div>
  );
}

function publishInWords({ publication, attempts }: TaskSummary, attempt: number): string {
  if (publication?.state === "failed") return "Try to publish again";
  if (publication?.state === "published") return "Publish the new state";
  return attempts.length > 1 ? `Publish attempt ${attempt}` : NAMES.publish;
}
