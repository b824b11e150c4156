// Probot with nothing behind it: it checks the signature, parses the payload, calls an empty handler and answers.
// Nothing is stored. PORT, WEBHOOK_SECRET, APP_ID and PRIVATE_KEY come from the environment.
import { createServer } from "node:http";
import { createNodeMiddleware, createProbot } from "probot";

const middleware = await createNodeMiddleware(
  (app) => {
    app.on("issue_comment", async () => {});
  },
  { probot: createProbot(), webhooksPath: "/github/webhook" },
);

createServer((request, response) => {
  if (request.url === "/readyz") {
    response.end("ready\n");
    return;
  }
  middleware(request, response, () => response.writeHead(404).end());
}).listen(Number(process.env.PORT), "127.0.0.1");
