import type { SubmitEvent } from "react";
import { navigate } from "../router/navigation";
import { Icon } from "./icon";

interface SearchFormProps {
  readonly label: string;
  readonly text: string;
  /** The address that shows what was asked for. */
  readonly search: (text: string) => string;
}

/** A line to type into, with what was asked for last. To be keyed by it. */
export function SearchForm({ label, text, search }: SearchFormProps) {
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = new FormData(event.currentTarget).get("q");
    navigate(search(typeof typed === "string" ? typed.trim() : ""));
  };
  return (
    <form className="search-form" role="search" onSubmit={submit}>
      <Icon name="search" />
      <input type="search" name="q" defaultValue={text} aria-label={label} placeholder={label} maxLength={200} />
      <button type="submit" className="button button-strong">
        Search
      </button>
    </form>
  );
}
