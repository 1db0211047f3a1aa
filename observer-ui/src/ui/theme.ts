import { Shelf } from "../store/shelf";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const shelf = new Shelf<Theme>("theme", "auto", (value): value is Theme => THEMES.includes(value as Theme));

export function chosenTheme(): Theme {
  return shelf.get();
}

export function applyTheme(theme: Theme = chosenTheme()): void {
  document.documentElement.dataset["theme"] = theme;
}

export function chooseTheme(theme: Theme): void {
  shelf.set(theme);
  applyTheme(theme);
}
