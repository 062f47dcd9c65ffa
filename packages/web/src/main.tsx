import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { createRoot } from "react-dom/client";
import "./app.css";
import { isSignedOut } from "./lib/api.ts";
import { router } from "./router.tsx";

const queries = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 30_000, retry: false, refetchOnWindowFocus: false }, // the client itself repeats; the streams keep everything fresh
    mutations: {
      retry: false,
      onError: (error) => {
        if (isSignedOut(error)) void queries.invalidateQueries({ queryKey: ["me"] });
      },
    },
  },
});

const root = document.getElementById("root");
if (root)
  createRoot(root).render(
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
