// Read events with npm's cloudevents, strictly: JSON lines {headers, body} of HTTP messages on stdin.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { CloudEvent, HTTP } = createRequire(process.argv[2] + "/")("cloudevents");
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const { headers, body } = JSON.parse(line);
  try {
    const sent = [JSON.parse(body)].flat();
    const read = [HTTP.toEvent({ headers, body })].flat();
    const same = (one, at) => one.validate() && one.id === sent[at].id && one.type === sent[at].type;
    sent.forEach((event) => new CloudEvent(event, true));
    console.log(read.length === sent.length && read.every(same) ? "good" : "not what was sent");
  } catch (error) {
    console.log(error.message.replaceAll("\n", " "));
  }
}
