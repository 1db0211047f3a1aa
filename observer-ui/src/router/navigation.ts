import { Observable } from "../store/observable";

/** The path that is shown. */
export const currentPath = new Observable(window.location.pathname);

window.addEventListener("popstate", () => {
  currentPath.set(window.location.pathname);
});

export function navigate(path: string): void {
  if (path === window.location.pathname) return;
  window.history.pushState(null, "", path);
  currentPath.set(path);
}

/** For an address that merely stands for another one: going back skips it. */
export function redirect(path: string): void {
  window.history.replaceState(null, "", path);
  currentPath.set(path);
}
