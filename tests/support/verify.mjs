// Verify deliveries with npm's standardwebhooks: JSON lines {secret, headers, body} on stdin.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { Webhook } = createRequire(process.argv[2] + "/")("standardwebhooks");
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const { secret, headers, body } = JSON.parse(line);
  try {
    new Webhook(secret).verify(body, headers);
    console.log("good");
  } catch (error) {
    console.log(error.message);
  }
}
