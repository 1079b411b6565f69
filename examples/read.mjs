// Read the log with Node 18 or newer from where we stopped: node read.mjs URL TOKEN CURSOR_FILE
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const [url, token, file] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
let path = existsSync(file)
  ? readFileSync(file, "utf8")
  : "/v1/events?after=0&limit=500&wait=20";
for (;;) {
  const answer = await fetch(url + path, { headers });
  if (!answer.ok) throw new Error((await answer.json()).detail);
  for (const event of (await answer.json()).events) {
    console.log(event.id, event.type); // the work
  }
  path = /<(.*)>; rel="next"/.exec(answer.headers.get("Link"))[1];
  writeFileSync(file, path); // only once the work is done: killed before, it comes again
  const pause = Number(answer.headers.get("Retry-After") ?? 0); // too many wait there already
  await new Promise((wake) => setTimeout(wake, pause * 1000));
}
