// A bot on the JavaScript client: node bot.mjs URL KEY_FILE USERNAME SERVER CHANNEL
// Prints a line of JSON for everything that happens, posts each line of its input, and ends with it. Of each message it
// says when it is done, and keeps that beside its key.
import { createInterface } from "node:readline";
import { AgentTokens, Client, identityFile, nodeDial, positionsFile, Rest } from "../../../claw/js/dist/node.js";

const [url, keyFile, username, server, channel] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));

const rest = new Rest(url);
const identity = await identityFile(keyFile, username);
const tokens = new AgentTokens(rest, identity);
await rest.request("POST", `/servers/${server}/join`, { token: await tokens.get(null) });

const follower = {
  event: (frame) => {
    tell(frame);
    if (frame.op === "message") client.done(frame).then(() => tell({ op: "(done)", seq: frame.seq }));
  },
  reset: (lostAfter, resumedAt) => tell({ op: "(reset)", lostAfter, resumedAt }),
  ended: (reason) => tell({ op: "(ended)", reason }),
  live: ({ seq, recovered, replayed }) => tell({ op: "(live)", seq, recovered, replayed, node: client.hello.node }),
};
const inbox = { ...follower, live: () => tell({ op: "(inbox)" }) };
const positions = await positionsFile(`${keyFile}.positions`, identity);
const client = new Client(rest.gateway, tokens, { dial: await nodeDial(), positions, inbox: { follower: inbox } });
client.status.subscribe(() => tell({ op: "(status)", ...client.status.get() }));
client.follow(channel, null, follower);
client.start();

for await (const line of createInterface({ input: process.stdin })) {
  const nonce = `line-${line}`;
  client.send(channel, line, { nonce }).then(tell, (error) => tell({ op: "(error)", text: String(error) }));
}
client.stop();
