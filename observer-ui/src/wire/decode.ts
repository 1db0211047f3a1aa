export { isRecord } from "moltstack-claw";
