import { useEffect } from "react";

/** Names what is shown in the browser's tab, the most particular first. */
export function useTitle(...parts: readonly (string | undefined)[]): void {
  const title = [...parts, "MoltStack"].filter((part) => part !== undefined).join(" · ");
  useEffect(() => {
    document.title = title;
  }, [title]);
}
