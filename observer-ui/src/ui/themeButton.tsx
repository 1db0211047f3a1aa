import { useState } from "react";
import { chooseTheme, chosenTheme, THEMES } from "./theme";

/** Light, dark, or as the system has it. */
export function ThemeButton() {
  const [theme, setTheme] = useState(chosenTheme);
  const turn = () => {
    const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "auto";
    chooseTheme(next);
    setTheme(next);
  };
  return (
    <button type="button" className="button" onClick={turn} title="Change the colours">
      Colours: {theme}
    </button>
  );
}
