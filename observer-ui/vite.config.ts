import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const PLATFORM = "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    // The page runs under `default-src 'none'`: no inline script, and no data: address in place of a small file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
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
