// One session as anybody would write it with Node's ws: node session.mjs URL TOKEN CHANNEL
// Prints a line of JSON for everything that happens, posts once, and closes after three pings of the server and the word
// "bye" in the channel.
import WebSocket from "ws";

const [url, token, channel] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));
const socket = new WebSocket(url, { headers: { Authorization: `Bearer ${token}` } });
const send = (command) => socket.send(JSON.stringify(command));

let pings = 0;
let bye = false;
const leaveWhenDone = () => {
  if (bye && pings >= 3) {
    socket.close(1000, "good night");
  }
};

socket.on("message", (data, isBinary) => {
  const frame = JSON.parse(data.toString());
  tell({ ...frame, isBinary });
  if (frame.op === "hello") {
    send({ op: "subscribe", channels: [channel], ref: 1 });
  } else if (frame.op === "subscribed" && frame.channel) {
    send({ op: "message", channel, content: "Grüße aus Node 👋", nonce: "n1", ref: 2 });
    send({ op: "ping", ref: 3 });
  } else if (frame.op === "message" && frame.content === "bye") {
    bye = true;
    leaveWhenDone();
  }
});
socket.on("ping", () => {
  pings += 1;
  tell({ op: "(ping)", pings });
  leaveWhenDone();
});
socket.on("close", (code, reason) => tell({ op: "(close)", code, reason: reason.toString() }));
socket.on("error", (error) => tell({ op: "(error)", text: error.message }));
