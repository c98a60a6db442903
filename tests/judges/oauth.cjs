// An OAuth server that is not ours, in the place of Entra's: the package oidc-provider checks secrets,
// signatures, audiences and replays. What it does not look at stands in front of it: that an
// assertion names the certificate that was registered (x5t#S256, page "certificate-credentials").
//
// usage: node oauth.cjs ENTRY CONFIGURATION
//   ENTRY          the package's entry file
//   CONFIGURATION  a JSON file: tenant, scope, clients (as oidc-provider takes them), and thumbprints
//                  by client id
//
// It prints its address, and answers GET /_seen with what it was asked and what came of it.
"use strict";

const { createServer } = require("node:http");
const { readFileSync } = require("node:fs");
const { pathToFileURL } = require("node:url");

const BODY_BYTES_MAX = 65536;

function readBody(request) {
  return new Promise((resolve, reject) => {
    const parts = [];
    let size = 0;
    request.on("data", (part) => {
      size += part.length;
      if (size > BODY_BYTES_MAX) reject(new Error("the form is too large"));
      else parts.push(part);
    });
    request.on("end", () => resolve(Buffer.concat(parts).toString("utf8")));
    request.on("error", reject);
  });
}

function part(token, index) {
  return JSON.parse(Buffer.from(token.split(".")[index], "base64url").toString("utf8"));
}

function send(response, status, value) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

async function main() {
  const [entry, file] = process.argv.slice(2);
  const { default: Provider } = await import(pathToFileURL(entry).href);
  const { tenant, scope, clients, thumbprints } = JSON.parse(readFileSync(file, "utf8"));
  const route = `/${tenant}/oauth2/v2.0/token`;
  const seen = [];
  let provider;

  const server = createServer(async (request, response) => {
    try {
      if (request.url === "/_seen") return send(response, 200, seen);
      if (request.method !== "POST" || request.url !== route) return send(response, 404, {});
      // Read here, and handed on: the package takes a body that was read before it.
      const form = Object.fromEntries(new URLSearchParams(await readBody(request)));
      const entryOfLog = { client: form.client_id, assertion: form.client_assertion ?? null };
      if (form.client_assertion) {
        const header = part(form.client_assertion, 0);
        const claims = part(form.client_assertion, 1);
        Object.assign(entryOfLog, { algorithm: header.alg, audience: claims.aud, id: claims.jti });
        if (header["x5t#S256"] !== thumbprints[form.client_id]) {
          seen.push({ ...entryOfLog, status: 401, by: "thumbprint" });
          const text = "the certificate is not registered";
          return send(response, 401, { error: "invalid_client", error_description: text });
        }
      }
      request.body = form;
      response.on("finish", () => seen.push({ ...entryOfLog, status: response.statusCode, by: "provider" }));
      return provider.callback()(request, response);
    } catch (error) {
      return send(response, 500, { error: String(error) });
    }
  });

  server.listen(0, "127.0.0.1", () => {
    const origin = `http://127.0.0.1:${server.address().port}`;
    provider = new Provider(`${origin}/${tenant}/v2.0`, {
      clients,
      scopes: [scope],
      routes: { token: route },
      features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
      clientAuthMethods: ["client_secret_post", "private_key_jwt"],
      enabledJWA: { clientAuthSigningAlgValues: ["PS256"] },
      ttl: { ClientCredentials: 600 },
    });
    console.log(`oauth server ${origin}`);
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
