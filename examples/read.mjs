// Read the log with Node 18 or newer from where we stopped: node read.mjs URL TOKEN CURSOR_FILE
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const [url, token, file] = process.argv.slice(2);
if (!file) {
  console.error("Usage: node read.mjs URL TOKEN CURSOR_FILE");
  process.exit(2);
}
try {
  new Request(url + "/v1/events", { headers: { Authorization: `Bearer ${token}` } });
} catch (error) {
  console.error(`URL or TOKEN cannot be used: ${error.cause?.message ?? error.message}`);
  process.exit(2);
}
process.on("SIGINT", () => process.exit(130));
const headers = { Authorization: `Bearer ${token}` };
const from = (place) => `/v1/events?after=${place}&limit=500&wait=20`;
const sleep = (seconds) => new Promise((wake) => setTimeout(wake, seconds * 1000));
const keep = (place) => {
  writeFileSync(`${file}.new`, place); // whole or not at all, also when killed half-way
  renameSync(`${file}.new`, file);
};
let path = (existsSync(file) && readFileSync(file, "utf8").trim()) || from(0);
for (;;) {
  const answer = await fetch(url + path, { headers }).catch(() => null);
  if (!answer || answer.status === 429 || answer.status === 503) {
    await sleep(Number(answer?.headers.get("Retry-After") ?? 2));
    continue;
  }
  const body = await answer.json();
  if (answer.status === 409 || answer.status === 410) {
    // What was missed stands in /v1/companies. After 409, numbers may come again.
    console.error(body.detail);
    path = from(answer.status === 410 ? body.oldest : `${body.newest}&epoch=${body.epoch}`);
    keep(path);
    continue;
  }
  if (!answer.ok) {
    console.error(answer.status, body.detail);
    process.exit(1);
  }
  for (const event of body.events) {
    console.log(event.id, event.type); // the work
  }
  path = /<(.*)>; rel="next"/.exec(answer.headers.get("Link"))[1];
  keep(path); // only once the work is done: killed before, it comes again
  await sleep(Number(answer.headers.get("Retry-After") ?? 0)); // too many wait there already
}
