// Follow the live stream with an EventSource of npm: <modules> <package> <url> <token> <type>...
// Each event is a line of JSON, {id, data}; a client that gives up says so and ends.
import { createRequire } from "node:module";

const [modules, name, url, token, ...types] = process.argv.slice(2);
const found = createRequire(modules + "/")(name);
const headers = { Authorization: `Bearer ${token}` };
const withToken = (address, options) =>
  fetch(address, { ...options, headers: { ...options.headers, ...headers } });
const source =
  name === "eventsource"
    ? new found.EventSource(url, { fetch: withToken })
    : new found.EventSourcePolyfill(url, { headers });
for (const type of ["message", ...types]) {
  source.addEventListener(type, ({ lastEventId, data }) =>
    console.log(JSON.stringify({ id: lastEventId, data })),
  );
}
source.addEventListener("open", () => console.log("open"));
source.addEventListener("error", () => {
  if (source.readyState !== 2) return;
  console.log("closed");
  process.exit(1);
});
