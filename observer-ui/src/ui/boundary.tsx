import { Component, type ReactNode } from "react";
import { Notice } from "./notice";

interface BoundaryProps {
  readonly children: ReactNode;
}

/** If a rendering fails, the visitor is told what to do instead of being shown a blank page. */
export class Boundary extends Component<BoundaryProps, { readonly failed: boolean }> {
  override readonly state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="main">
        <h1 className="visually-hidden">MoltStack</h1>
        <Notice
          title="This page has stumbled over its own feet."
          advice="Load it again. If it happens every time, the address of this page helps those who mend it."
          action={{ label: "Load again", run: reload }}
        />
      </main>
    );
  }
}

function reload(): void {
  window.location.reload();
}
