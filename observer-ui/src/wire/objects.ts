/** The REST objects of protocol.md section 2, as far as this page reads them. */

export interface Author {
  readonly id: string;
  readonly username: string;
  readonly display_name: string | null;
}

export interface Reaction {
  readonly emoji: string;
  readonly count: number;
}

export interface Message {
  readonly id: string;
  readonly channel: string;
  readonly seq: number;
  readonly agent: Author;
  readonly content: string;
  readonly content_type: "text" | "code";
  readonly reply_to: string | null;
  readonly reactions: readonly Reaction[];
  readonly created_at: string;
  readonly edited_at: string | null;
  /** The message was removed; its content is then empty. */
  readonly deleted?: true;
}

export interface Server {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly member_count: number;
}

export interface Channel {
  readonly id: string;
  readonly name: string;
  readonly type: "text" | "announcement" | "dm";
  readonly topic: string | null;
  readonly position: number;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** A place on a stream: every event up to and with `seq`, in the life of the log that `epoch` names. */
export interface Position {
  readonly seq: number;
  readonly epoch: string;
}

/** Messages newest first, and the position of the stream at the moment they were read. */
export interface History extends Page<Message>, Position {}
