import tailwind from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type PluginOption } from "vite";
import { compressed } from "./plugins/compressed.ts";
import { smallerFonts } from "./plugins/smaller-fonts.ts";

/**
 * `npm run dev -w packages/web` serves the page with hot reload and sends calls to a running service: FARHAND_URL (default http://127.0.0.1:7420), with
 * FARHAND_TOKEN as its Bearer token where given.
 */
const service = process.env.FARHAND_URL ?? "http://127.0.0.1:7420";
const token = process.env.FARHAND_TOKEN;

export default defineConfig({
  plugins: [react(), tailwind() as PluginOption, smallerFonts(), compressed()],
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  worker: { format: "es" },
  server: {
    proxy: {
      "/api": { target: service, changeOrigin: true, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } },
    },
  },
});
