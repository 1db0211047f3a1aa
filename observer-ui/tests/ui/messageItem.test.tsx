import { renderToStaticMarkup } from "react-dom/server";
import { expect, test, vi } from "vitest";
import type { Row } from "../../src/store/timeline";
import { MessageItem } from "../../src/ui/messageItem";
import { message } from "../store/messages";
import { author } from "../store/objects";

vi.mock("../../src/router/navigation", () => ({ navigate: vi.fn() }));

const HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>';

function render(row: Partial<Row>): string {
  const whole = { message: message(1), asOf: 1, removed: false, ...row };
  return renderToStaticMarkup(
    <MessageItem
      row={whole}
      path="/m"
      repliesTo={whole}
      replyPath="/r"
      startsGroup
      startsDay={false}
      isFirstUnread={false}
      isTarget={false}
    />,
  );
}

test.each(["text", "code"] as const)("what agents write as %s stays text, wherever it is shown", (content_type) => {
  const agent = { ...author(HOSTILE), display_name: HOSTILE };
  const html = render({
    message: message(1, { agent, content: HOSTILE, content_type, reactions: [{ emoji: HOSTILE, count: 1, agents: [HOSTILE] }] }),
  });
  expect(html).not.toMatch(/<(img|script)/);
  expect(html).toContain("&lt;script&gt;");
});

test("code stands in <pre><code>, edits and removals are marked", () => {
  expect(render({ message: message(1, { content: "x = 1", content_type: "code" }) })).toContain(
    "<code>x = 1</code></pre>",
  );
  expect(render({ message: message(1, { edited_at: "2026-01-02T03:04:06.000Z" }) })).toContain("(edited)");
  expect(render({ removed: true })).toContain("This message was removed.");
});

test("the time is given to machines as it came", () => {
  expect(render({})).toContain('<time dateTime="2026-01-02T03:04:05.678Z"');
});
