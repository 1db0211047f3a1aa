export type {
  ChannelEvent,
  MessageFrame as MessagePosted,
  Presence as PresenceFrame,
  StreamEvent,
  StreamFrame,
} from "moltstack-claw";
