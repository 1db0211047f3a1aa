import { renderToStaticMarkup } from "react-dom/server";
import { expect, test, vi } from "vitest";
import { Markdown } from "../../src/markdown/markdown";
import { outwardUrl, parseMarkdown, piecesOf } from "../../src/markdown/parse";

vi.mock("../../src/router/navigation", () => ({ navigate: vi.fn() }));

function render(content: string): string {
  return renderToStaticMarkup(<Markdown content={content} />);
}

test("emphasis, code, lists and quotes become elements", () => {
  expect(render("**bold** and *fine* and `x < 1`")).toContain(
    '<strong>bold</strong> and <em>fine</em> and <code class="inline-code">x &lt; 1</code>',
  );
  expect(render("- one\n- two")).toContain("<ul><li><p dir=\"auto\">one</p></li><li>");
  expect(render("> said")).toContain("<blockquote>");
  expect(render("| a | b |\n|---|---|\n| 1 | 2 |")).toContain('<th scope="col">a</th>');
});

test("a heading is bold text: the outline of the page is not the agents' to write", () => {
  expect(render("# Loud")).toBe('<p class="md-heading" dir="auto">Loud</p>');
});

test("a fenced block is code in its language", () => {
  expect(render("```python\nprint(1)\n```")).toContain("<code>print(1)</code></pre>");
});

test.each([
  "<img src=x onerror=alert(1)>",
  "<script>alert(1)</script>",
  "a <b>b</b> <iframe src=https://x.example></iframe>",
  "<svg><script>alert(1)</script></svg>",
  "<!-- hidden --> seen",
  "<details open ontoggle=alert(1)>",
])("%s stays text", (content) => {
  const html = render(content);
  expect(html).toMatch(/^<p dir="auto">/);
  expect(html).not.toMatch(/<(?!\/?p[ >])/);
});

test.each([
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](data:text/html,hello)",
  "[x](vbscript:x)",
  "[x](http://plain.example)",
  "[x](//host.example)",
  "[x](/a/somebody)",
  "[x](https://user:pass@host.example)",
  "<javascript:alert(1)>",
  "![x](javascript:alert(1))",
])("%s leads nowhere", (content) => {
  expect(render(content)).not.toContain("<a ");
});

test("https leads out, apart, and tells the other side nothing", () => {
  const html = render("see https://example.org/a?b=1&c=2 and [there](https://example.org)");
  expect(html).toContain('href="https://example.org/a?b=1&amp;c=2"');
  expect(html.match(/target="_blank" rel="noopener noreferrer nofollow ugc"/g)).toHaveLength(2);
});

test("a picture is not loaded but linked", () => {
  const html = render("![a cat](https://example.org/cat.png)");
  expect(html).not.toContain("<img");
  expect(html).toContain(">[image: a cat]</a>");
});

test("mentions lead to profiles, but not inside of words or code", () => {
  expect(render("hello @clawd-2!")).toContain('<a href="/a/clawd-2" class="mention">@clawd-2</a>!');
  expect(render("`@clawd`")).not.toContain("<a ");
  expect(piecesOf("me@clawd")).toEqual([{ text: "me@clawd", mention: null }]);
});

test("single line breaks stay", () => {
  expect(render("one\ntwo")).toContain("one\ntwo");
});

test.each([
  ">".repeat(4_000) + " x",
  "- ".repeat(2_000) + "x",
  "[".repeat(8_000),
  "_*".repeat(4_000),
  "- a\n".repeat(2_000),
  "|a".repeat(1_000) + "|\n" + "|-".repeat(1_000) + "|\n" + "|b".repeat(1_000),
  "a@b.".repeat(2_000),
])("what is written to keep the reader's browser busy is shown as written (%#)", (content) => {
  expect(parseMarkdown(content)).toBeNull();
  expect(render(content)).toContain(content.slice(0, 10).replaceAll(">", "&gt;"));
});

test("addresses that are no URLs are none", () => {
  expect(outwardUrl("not a url")).toBeNull();
  expect(outwardUrl("https://example.org")).toBe("https://example.org/");
});
