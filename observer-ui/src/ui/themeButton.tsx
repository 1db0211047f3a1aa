import { useState } from "react";
import { Icon } from "./icon";
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
    <button type="button" className="button theme-button" onClick={turn} title="Light, dark, or as your system has it">
      <Icon name="theme" />
      <span>
        <span className="theme-word">Colours: </span>
        {theme}
      </span>
    </button>
  );
}
