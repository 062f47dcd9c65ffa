import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { client } from "../../lib/api.ts";
import { money } from "../../lib/words.ts";

const FRESH_MS = 60_000;

/** What models cost today: one's own, for administrators everybody's. Nothing while nothing had a price. */
export function CostOfDay() {
  const { data: report } = useQuery({
    queryKey: ["usage", "today"],
    queryFn: () => {
      const today = new Date().toISOString().slice(0, 10);
      return client.usage({ by: "day", from: today, to: today });
    },
    refetchInterval: FRESH_MS,
  });
  if (!report?.total.costUsd) return null;
  return (
    <Link to="/settings/usage" title="Since midnight UTC" className="whitespace-nowrap hover:text-ink">
      {money(report.total.costUsd)} today
    </Link>
  );
}
