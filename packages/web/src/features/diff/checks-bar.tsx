import { type CheckView, exitInWords, hasPassed } from "@farhand/protocol";
import { visibleLine } from "../../lib/visible-text.ts";

/** The environment's checks, as they ended last, on top of the change that they judge. */
export function ChecksBar({ checks }: { checks: readonly CheckView[] }) {
  if (checks.length === 0) return null;
  return (
    <ul aria-label="Checks" className="flex flex-wrap gap-x-4 gap-y-1 border-b border-line px-3.5 py-1.5 text-[12.5px]">
      {checks.map((check) => {
        const passed = hasPassed(check);
        return (
          <li key={check.call} className={passed === true ? "text-good" : passed === false ? "text-bad" : "text-ink-2"}>
            <span aria-hidden="true">{passed === true ? "✓" : passed === false ? "✗" : "○"}</span>{" "}
            <code className="font-mono">{visibleLine(check.command)}</code>{" "}
            <span>{passed === true ? "passed" : check.exit ? exitInWords(check.exit) : "not ended"}</span>
          </li>
        );
      })}
    </ul>
  );
}
