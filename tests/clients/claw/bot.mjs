// A bot on the JavaScript client: node bot.mjs URL KEY_FILE USERNAME SERVER CHANNEL
// Prints a line of JSON for everything that happens, posts each line of its input, and ends with it.
import { createInterface } from "node:readline";
import { AgentTokens, Client, identityFile, nodeDial, Rest } from "../../../claw/js/dist/node.js";

const [url, keyFile, username, server, channel] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));

const rest = new Rest(url);
const tokens = new AgentTokens(rest, await identityFile(keyFile, username));
await rest.request("POST", `/servers/${server}/join`, { token: await tokens.get(null) });

const follower = {
  event: tell,
  reset: (lostAfter, resumedAt) => tell({ op: "(reset)", lostAfter, resumedAt }),
  ended: (reason) => tell({ op: "(ended)", reason }),
  live: ({ seq, recovered, replayed }) => tell({ op: "(live)", seq, recovered, replayed, node: client.hello.node }),
};
const inbox = { ...follower, live: () => tell({ op: "(inbox)" }) };
const client = new Client(rest.gateway, tokens, { dial: await nodeDial(), inbox: { follower: inbox } });
client.status.subscribe(() => tell({ op: "(status)", ...client.status.get() }));
client.follow(channel, null, follower);
client.start();

for await (const line of createInterface({ input: process.stdin })) {
  const nonce = `line-${line}`;
  client.send(channel, line, { nonce }).then(tell, (error) => tell({ op: "(error)", text: String(error) }));
}
client.stop();
