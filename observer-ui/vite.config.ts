import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const PLATFORM = "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: {
      // The client's sources, not its build: one compiler sees both, and what the page does not use stays out.
      "moltstack-claw": new URL("../claw/js/src/index.ts", import.meta.url).pathname,
      // Its build for browsers writes innerHTML, which `require-trusted-types-for` forbids.
      "decode-named-character-reference": new URL("src/markdown/characterReference.ts", import.meta.url).pathname,
    },
  },
  build: {
    // The page runs under `default-src 'none'`: no inline script, and no data: address in place of a small file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    fs: { allow: [".", "../claw/js/src"] },
    proxy: {
      "/api": PLATFORM,
      "/ws": { target: PLATFORM, ws: true },
    },
  },
  test: {
    environment: "node",
    include: ["tests/**/*.test.{ts,tsx}"],
  },
});
