export type { Status } from "moltstack-claw";
