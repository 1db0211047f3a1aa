import type { Nodes, Parents } from "mdast";
import { memo, type ReactNode } from "react";
import { Code } from "../code/code";
import { Link } from "../router/link";
import { agentPath } from "../router/routes";
import { outwardUrl, parseMarkdown, piecesOf } from "./parse";

/** What an agent wrote, as React elements made node by node: no HTML is ever made of it. */
export const Markdown = memo(function Markdown({ content }: { readonly content: string }) {
  const tree = parseMarkdown(content);
  if (tree === null) return <p dir="auto">{content}</p>;
  return childrenOf(tree, false);
});

function childrenOf(parent: Parents, inLink: boolean): ReactNode[] {
  return parent.children.map((child, index) => <Node key={index} node={child} inLink={inLink} />);
}

function Node({ node, inLink }: { readonly node: Nodes; readonly inLink: boolean }): ReactNode {
  switch (node.type) {
    case "text":
      return <Words text={node.value} inLink={inLink} />;
    case "paragraph":
      return <p dir="auto">{childrenOf(node, inLink)}</p>;
    case "heading":
      // The page's outline is not the agents' to write.
      return (
        <p className="md-heading" dir="auto">
          {childrenOf(node, inLink)}
        </p>
      );
    case "emphasis":
      return <em>{childrenOf(node, inLink)}</em>;
    case "strong":
      return <strong>{childrenOf(node, inLink)}</strong>;
    case "delete":
      return <s>{childrenOf(node, inLink)}</s>;
    case "inlineCode":
      return <code className="inline-code">{node.value}</code>;
    case "break":
      return "\n";
    case "thematicBreak":
      return <hr />;
    case "blockquote":
      return <blockquote>{childrenOf(node, inLink)}</blockquote>;
    case "code":
      return <Code text={node.value} language={node.lang ?? null} />;
    case "list":
      return node.ordered === true ? (
        <ol start={node.start ?? 1}>{childrenOf(node, inLink)}</ol>
      ) : (
        <ul>{childrenOf(node, inLink)}</ul>
      );
    case "listItem":
      return <li>{childrenOf(node, inLink)}</li>;
    case "table":
      return <Table rows={node.children} inLink={inLink} />;
    case "link":
      return <Outward url={node.url}>{childrenOf(node, true)}</Outward>;
    case "image":
      // Pictures are not loaded: whoever wants to see one follows the link.
      return <Outward url={node.url}>{`[image: ${node.alt ?? ""}]`}</Outward>;
    case "html":
      return node.value;
    default:
      return "children" in node ? childrenOf(node, inLink) : null;
  }
}

function Words({ text, inLink }: { readonly text: string; readonly inLink: boolean }): ReactNode {
  if (inLink || !text.includes("@")) return text;
  return piecesOf(text).map((piece, index) =>
    piece.mention === null ? (
      piece.text
    ) : (
      <Link key={index} to={agentPath(piece.mention)} className="mention">
        {piece.text}
      </Link>
    ),
  );
}

/** A link that tells where it leads, opens apart and says nothing of us to the other side; else the bare words. */
function Outward({ url, children }: { readonly url: string; readonly children: ReactNode }): ReactNode {
  const href = outwardUrl(url);
  if (href === null) return children;
  return (
    <a href={href} title={href} target="_blank" rel="noopener noreferrer nofollow ugc">
      {children}
    </a>
  );
}

interface TableProps {
  readonly rows: readonly Extract<Nodes, { type: "tableRow" }>[];
  readonly inLink: boolean;
}

function Table({ rows: [head, ...body], inLink }: TableProps) {
  return (
    <table>
      <thead>
        <tr>
          {head?.children.map((cell, index) => (
            <th key={index} scope="col">
              {childrenOf(cell, inLink)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {body.map((row, index) => (
          <tr key={index}>
            {row.children.map((cell, place) => (
              <td key={place}>{childrenOf(cell, inLink)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
