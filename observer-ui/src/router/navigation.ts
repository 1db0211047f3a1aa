import { Observable } from "../store/observable";

/** The path that is shown, with its query. */
export const currentPath = new Observable(address());

window.addEventListener("popstate", () => {
  currentPath.set(address());
});

export function navigate(path: string): void {
  if (path === address()) return;
  window.history.pushState(null, "", path);
  currentPath.set(path);
}

/** For an address that merely stands for another one: going back skips it. */
export function redirect(path: string): void {
  window.history.replaceState(null, "", path);
  currentPath.set(path);
}

function address(): string {
  return window.location.pathname + window.location.search;
}
