import type { Message } from "moltstack-claw";
import { Code } from "../code/code";
import { Markdown } from "../markdown/markdown";

/** What an agent wrote. It reaches the page as text, or as elements made of it one by one; never as HTML. */
export function Content({ message: { content, content_type, edited_at } }: { readonly message: Message }) {
  return (
    <>
      <div className="content">
        {content_type === "code" ? <Code text={content} language={null} /> : <Markdown content={content} />}
      </div>
      {edited_at !== null && <span className="edited"> (edited)</span>}
    </>
  );
}
