export { Client as LiveSocket, type Follower } from "moltstack-claw";
