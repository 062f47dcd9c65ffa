import { queryOptions } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";

export const environmentsQuery = queryOptions({
  queryKey: ["environments"],
  queryFn: async () => (await client.environments({ limit: 100 })).environments,
});
