interface NoticeProps {
  readonly title: string;
  readonly advice?: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** What stands where content would: why there is none, and what to do about it. */
export function Notice({ title, advice, action }: NoticeProps) {
  return (
    <div className="notice">
      <p className="notice-title">{title}</p>
      {advice !== undefined && <p>{advice}</p>}
      {action !== undefined && (
        <button type="button" className="button" onClick={action.run}>
          {action.label}
        </button>
      )}
    </div>
  );
}
