import type { PublicationState } from "@farhand/protocol";
import { visibleText } from "../../lib/visible-text.ts";
import { CopyButton } from "../../ui/copy.tsx";
import { OutsideLink } from "../../ui/outside-link.tsx";

/** What became of the wish to publish. */
export function Outcome({ publication }: { publication: PublicationState }) {
  const branch = <code className="font-mono text-[12px] break-all">{visibleText(publication.branch)}</code>;
  switch (publication.state) {
    case "asked":
    case "publishing":
      return <Line look="bg-run-soft text-run">Publishing to {branch} …</Line>;
    case "published":
      return (
        <Line look="bg-accent-soft text-accent">
          <span>
            Published to {branch} at <code className="font-mono text-[12px]">{publication.commit.slice(0, 12)}</code>
          </span>
          {publication.pullRequest ? (
            <OutsideLink to={publication.pullRequest.url}>Pull request #{publication.pullRequest.number}</OutsideLink>
          ) : null}
          <CopyButton small text={() => publication.branch}>
            Copy branch
          </CopyButton>
        </Line>
      );
    case "failed":
      return (
        <Line look="bg-warn-soft text-warn">
          <span className="min-w-0 break-words">
            Could not be published to {branch}: {visibleText(publication.detail)}
          </span>
        </Line>
      );
    default:
      return publication satisfies never;
  }
}

function Line({ look, children }: { look: string; children: React.ReactNode }) {
  return (
    <div role="status" className={`mb-3 flex flex-wrap items-center gap-x-3 gap-y-1.5 rounded-lg px-3 py-1.5 text-[13px] ${look}`}>
      {children}
    </div>
  );
}
