import { useEffect, useRef } from "react";
import { Button } from "../../ui/button.tsx";
import { NamedKey } from "../../ui/marks.tsx";

const ALL: [string[], string][] = [
  [["N"], "New task"],
  [["J"], "Next task in the list"],
  [["K"], "Previous task in the list"],
  [["Enter"], "Open the task that is chosen in the list"],
  [["/"], "Search tasks"],
  [["G", "D"], "Diff"],
  [["G", "T"], "Terminal"],
  [["G", "N"], "Network"],
  [["G", "S"], "Steps"],
  [["[", "]"], "The attempt before, the next attempt"],
  [["R"], "Reply, or answer"],
  [["S"], "Stop the work, and keep what was done"],
  [["P"], "Publish the change as a branch"],
  [["Esc"], "Back one step"],
  [["?"], "This list"],
];

/** All keys there are. */
export function KeyboardHelp({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      onClose={onClose}
      aria-labelledby="keys"
      className="m-auto w-[min(28rem,92vw)] rounded-xl border border-line-strong bg-panel p-5 text-ink"
    >
      <h2 id="keys" className="mb-3 text-[16px] font-semibold">
        By keyboard
      </h2>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-1.5">
        {ALL.map(([keys, deed]) => (
          <div key={deed} className="contents">
            <dt className="flex gap-1 text-ink-2">
              {keys.map((key) => (
                <NamedKey key={key}>{key}</NamedKey>
              ))}
            </dt>
            <dd>{deed}</dd>
          </div>
        ))}
      </dl>
      <Button className="mt-4" onClick={() => dialog.current?.close()}>
        Close
      </Button>
    </dialog>
  );
}
